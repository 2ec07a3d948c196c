//! net makes no decision of the protocol: it names no frame and no rule.

use std::path::Path;

/// With none of these in a file, it cannot name a frame, a field of one, or a rule.
const FORBIDDEN: &[&str] = &[
    "Rule::",
    "rule::",
    " Frame::",
    "(Frame::",
    "wire::session",
    "wire::meeting",
    "wire::private",
    "wire::entry",
    "wire::option",
    "wire::field",
    "wire::*",
];

fn scan(folder: &Path, found: &mut Vec<String>, files: &mut usize) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scan(&path, found, files);
            continue;
        }
        *files += 1;
        for (number, line) in (1..).zip(std::fs::read_to_string(&path).unwrap().lines()) {
            if FORBIDDEN.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{number}: {}", path.display(), line.trim()));
            }
        }
    }
}

#[test]
fn net_names_no_frame_and_no_rule() {
    let (mut found, mut files) = (Vec::new(), 0);
    scan(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found, &mut files);
    assert!(files > 10, "{files} files: is this still where the sources are?");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
