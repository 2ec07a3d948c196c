//! Core says what, and the program says it in words: no literal here is a sentence, or names a word of the console or a
//! verb of the program.

use std::path::Path;

use super::source::{Source, sources};

/// Files whose literals are words on the wire, of SPEC.md, or of a format.
const ALLOWED: [(&str, &str); 6] = [
    ("code.rs", "SPEC.md's table of codes"),
    ("rule.rs", "SPEC.md's rules, which are the reasons of BYE and ERROR"),
    ("reason.rs", "the other reasons of BYE, ERROR and REVOKE"),
    ("trace.rs", "the format of a trace"),
    ("trace/parse.rs", "what a line of a trace was expected to be"),
    ("trace/replay.rs", "what replaying a trace has shown"),
];

/// Literals elsewhere: what is signed, what a file begins with, and what SPEC.md's tables and traces call the bytes.
const EXCEPTIONS: [(&str, &str); 6] = [
    ("identity.rs", "tertulia 1 ticket proof:"),
    ("log/record.rs", r"tertulia log 2\n"),
    ("wire/field.rs", "{}, signature 64"),
    ("wire/option.rs", "ticket proof"),
    ("wire/frame.rs", "{} bytes, {error}"),
    ("wire/error.rs", "byte {}: broken rule {}"),
];

/// Whether two words follow each other, one of which may be left open: `{name} knocks`.
fn is_sentence(said: &str) -> bool {
    let is_hole = |word: &str| word.contains('{') && word.contains('}');
    let letters = |word: &str| {
        let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        if word.chars().all(|letter| letter.is_ascii_alphabetic() || "'-".contains(letter)) { word.len() } else { 0 }
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    words.windows(2).any(|two| match [is_hole(two[0]), is_hole(two[1])] {
        [false, false] => two.iter().all(|word| letters(word) > 1),
        // A unit is no word.
        [true, false] => letters(two[1]) > 2,
        [false, true] => letters(two[0]) > 2,
        [true, true] => false,
    })
}

/// Whether it has `/word`, `--flag` or `tertulia verb`.
fn names_a_word_of_the_program(said: &str) -> bool {
    let begins = |text: &str| text.starts_with(|letter: char| letter.is_ascii_lowercase());
    let mut words = said.split(|letter: char| letter.is_whitespace() || "`(\"'".contains(letter));
    let is_option = |word: &str| ["/", "--"].iter().any(|mark| word.strip_prefix(mark).is_some_and(begins));
    words.any(is_option) || said.split_once("tertulia ").is_some_and(|(_, verb)| begins(verb))
}

/// What is wrong in a source: line and literal.
fn wrong(mut source: Source) -> Vec<(usize, String)> {
    for attribute in ["#[", "#!["] {
        source.cut_out(attribute, &[']']);
    }
    // These speak to whoever writes the code.
    for check in ["assert!", "assert_eq!", "assert_ne!", "panic!", "unreachable!"] {
        source.cut_out(check, &[')']);
    }
    let is_wrong = |said: &str| is_sentence(said) || names_a_word_of_the_program(said);
    source.left().filter(|(_, said)| is_wrong(said)).cloned().collect()
}

#[test]
fn core_says_nothing_to_people() {
    let mut found = Vec::new();
    let mut used: Vec<(String, String)> = Vec::new();
    for (path, source) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let file = path.to_str().expect("a path in UTF-8").replace('\\', "/");
        for (line, said) in wrong(source) {
            if ALLOWED.iter().any(|(allowed, _)| *allowed == file) {
                used.push((file.clone(), String::new()));
            } else if EXCEPTIONS.contains(&(&file, &said)) {
                used.push((file.clone(), said));
            } else {
                found.push(format!("crates/core/src/{file}:{line}: \"{said}\""));
            }
        }
    }
    assert!(
        found.is_empty(),
        "core says what (a variant of Failure, Notice, Ending …), crates/cli/words.rs says it in words:\n{}",
        found.join("\n")
    );
    for (file, _) in ALLOWED {
        assert!(used.iter().any(|(known, _)| known == file), "{file} needs no leave any more");
    }
    for (file, said) in EXCEPTIONS {
        assert!(used.contains(&(file.into(), said.into())), "{file}: \"{said}\" is there no more");
    }
}

#[test]
fn a_sentence_a_console_word_and_a_verb_are_seen_wherever_they_hide() {
    let planted = |line: &str| wrong(Source::read(line)).len();
    for line in [
        "let message = \"you have left\";",
        "out.push(alloc::format!(\"{name} knocks\"));",
        "const HINT: &str = \"/users\";",
        "Err((\"x\", \"see `/users`\".to_string()))",
        "let hint = \"tertulia friends\";",
        "let hint = \"--registry\";",
        "let both = (\"\", r\"two words\");",
        "debug_assert!(true); say(\"one \\\n    two\");",
    ] {
        assert_eq!(planted(line), 1, "{line}");
    }
    for line in [
        "#[expect(dead_code, reason = \"it will be used\")]",
        "assert!(is_there, \"nobody is there\");",
        "debug_assert_eq!(one, other, \"they {differ} here\");",
        "// \"a comment says this\"",
        "#[cfg(test)] mod tests { fn f() { \"a test says this\"; } }",
        "let code = \"no_such_name\"; let end = \"/\"; let scheme = \"tertulia:\"; let layout = \"key 32\";",
    ] {
        assert_eq!(planted(line), 0, "{line}");
    }
}
