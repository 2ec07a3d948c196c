//! Every file of every fuzz target's corpus finds no fault. `UPDATE=1` rewrites those that the code makes.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use tertulia_testkit::fuzz::seeds::seeds;
use tertulia_testkit::fuzz::{TARGETS, read};

/// The corpus is read with every test run, and by people when one fails.
const FILES_MAX: usize = 400;
const BYTES_MAX: usize = 600 << 10;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[expect(clippy::unwrap_used, reason = "clippy.toml spares test functions only, and a helper fails its test")]
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus_finds_no_fault() {
    // First, so that none is read while UPDATE writes it.
    check_seeds();
    let (mut count, mut bytes, mut faults) = (0, 0, Vec::new());
    for (name, target) in TARGETS {
        assert!(root().join(format!("fuzz/fuzz_targets/{name}.rs")).exists(), "{name} has no fuzz target");
        let files = files(&root().join("fuzz/corpus").join(name));
        assert!(!files.is_empty(), "the corpus of {name} is empty");
        for file in &files {
            let input = fs::read(file).unwrap();
            let cost = allocation_counter::measure(|| read(&input)).count_total;
            if catch_unwind(|| target(&input)).is_err() || cost > 0 {
                faults.push(file.clone());
            }
            bytes += input.len();
        }
        count += files.len();
    }
    assert!(faults.is_empty(), "these find a fault: {faults:#?}");
    assert!(count < FILES_MAX && bytes < BYTES_MAX, "{count} files of {bytes} bytes: `cargo fuzz cmin` makes it less");
}

#[expect(clippy::unwrap_used, reason = "clippy.toml spares test functions only, and a helper fails its test")]
fn check_seeds() {
    let traces: Vec<(String, String)> = files(&root().join("tests/traces"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    for (target, name, bytes) in seeds(&traces) {
        let path = root().join("fuzz/corpus").join(target).join(name);
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        let kept = fs::read(&path).unwrap_or_default();
        assert!(kept == bytes, "{} differs from what the code makes; UPDATE=1 writes it anew", path.display());
    }
}
