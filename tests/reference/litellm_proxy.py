"""Start a real LiteLLM proxy with canned replies on loopback, for the tests of the live backend.

    pip install -r tests/reference/requirements-litellm.txt
    python tests/reference/litellm_proxy.py [PORT]

Prints `CLINSYNTH_LITELLM_URL=http://127.0.0.1:PORT/v1` once it answers and runs until it is stopped. Key: sk-test. With the
variable set, `cargo test -p clinsynth-prompting -- --ignored litellm` runs the tests against it.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

REPLY = json.dumps({"examples": [{"text": "He has gout.", "entities": [{"text": "gout", "type": "Disease"}]}]})


def model(name, mock, **more):
    return {"model_name": name, "litellm_params": {"model": "openai/x", "api_key": "x", "mock_response": mock, **more}}


CONFIG = {
    "model_list": [
        model("fine", REPLY),
        model("limited", REPLY, rpm=2),
        model("refuses", "litellm.RateLimitError"),
        model("fails", "litellm.InternalServerError"),
        model("too-long", "litellm.ContextWindowExceededError"),
    ],
    "litellm_settings": {"num_retries": 0},
    "router_settings": {
        "num_retries": 0,
        "disable_cooldowns": True,
        "optional_pre_call_checks": ["enforce_model_rate_limits"],
    },
    "general_settings": {"master_key": "sk-test"},
}


def answers(url):
    try:
        urllib.request.urlopen(f"{url}/health/liveliness", timeout=2)
        return True
    except (OSError, urllib.error.URLError):
        return False


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 18082
    path = os.path.join(tempfile.mkdtemp(prefix="clinsynth-litellm-"), "config.yaml")
    with open(path, "w") as file:
        json.dump(CONFIG, file)  # JSON is YAML.
    program = os.path.join(os.path.dirname(sys.executable), "litellm")
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [program, "--config", path, "--host", "127.0.0.1", "--port", str(port)]
    # Its log goes to standard error: what is printed is read by whoever started this.
    proxy = subprocess.Popen(command, env=environment, stdout=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: (proxy.terminate(), sys.exit(0)))
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        if answers(url):
            print(f"CLINSYNTH_LITELLM_URL={url}/v1", flush=True)
            sys.exit(proxy.wait())
        if proxy.poll() is not None:
            sys.exit("the proxy ended before it answered")
        time.sleep(0.5)
    proxy.terminate()
    sys.exit("the proxy did not answer within two minutes")


if __name__ == "__main__":
    main()
