//! The sources of a crate as what is compiled without tests: code without comments, and string literals apart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file's code. Each string literal in it is its number between quotes.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) code: String,
    /// The lines on which they begin, and what they say.
    pub(crate) literals: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn read(text: &str) -> Self {
        let mut source = Self::lexed(text);
        source.cut_out("#[cfg(test)]", &[';', '}']);
        source
    }

    /// Comments are left out, and what string literals say.
    fn lexed(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        let (mut source, mut at, mut line) = (Self::default(), 0, 1);
        let starts = |at: usize, what: &str| what.chars().enumerate().all(|(by, c)| letters.get(at + by) == Some(&c));
        while let Some(&letter) = letters.get(at) {
            let is_word = |at: usize| letters.get(at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
            let hashes = letters[at + 1..].iter().take_while(|c| **c == '#').count();
            if starts(at, "//") {
                at += letters[at..].iter().take_while(|c| **c != '\n').count();
            } else if starts(at, "/*") {
                let end = (at..letters.len()).find(|end| starts(*end, "*/")).expect("a comment ends");
                line += letters[at..end].iter().filter(|c| **c == '\n').count();
                at = end + 2;
            } else if letter == 'r' && (at == 0 || !is_word(at - 1)) && letters.get(at + 1 + hashes) == Some(&'"') {
                let (from, close) = (at + 2 + hashes, format!("\"{}", "#".repeat(hashes)));
                let end = (from..letters.len()).find(|end| starts(*end, &close)).expect("a literal ends");
                source.add(line, letters[from..end].iter().collect());
                line += letters[from..end].iter().filter(|c| **c == '\n').count();
                at = end + close.len();
            } else if letter == '"' {
                let (mut said, begins) = (String::new(), line);
                at += 1;
                while letters[at] != '"' {
                    match letters[at] {
                        // It goes on with the next line's first letter.
                        '\\' if letters[at + 1] == '\n' => {
                            let blank = letters[at + 1..].iter().take_while(|c| c.is_whitespace());
                            let (count, lines) =
                                blank.fold((1, 0), |(count, lines), c| (count + 1, lines + usize::from(*c == '\n')));
                            (at, line) = (at + count, line + lines);
                        }
                        '\\' => {
                            said.extend([letters[at], letters[at + 1]]);
                            at += 2;
                        }
                        letter => {
                            line += usize::from(letter == '\n');
                            said.push(letter);
                            at += 1;
                        }
                    }
                }
                at += 1;
                source.add(begins, said);
            } else if letter == '\'' && (starts(at + 1, "\\") || letters.get(at + 2) == Some(&'\'')) {
                // A letter, not a lifetime.
                let from = if starts(at + 1, "\\") { at + 3 } else { at + 2 };
                at = (from..letters.len()).find(|end| letters[*end] == '\'').expect("a letter ends") + 1;
                source.code.push_str("' '");
            } else {
                line += usize::from(letter == '\n');
                source.code.push(letter);
                at += 1;
            }
        }
        source
    }

    fn add(&mut self, line: usize, said: String) {
        self.code.push_str(&format!("\"{}\"", self.literals.len()));
        self.literals.push((line, said));
    }

    /// Leaves out whatever begins with `opening`, up to one of `ends` outside of all brackets.
    pub(crate) fn cut_out(&mut self, opening: &str, ends: &[char]) {
        while let Some(from) = self.code.find(opening) {
            let mut depth = 0_i32;
            let end = self.code[from + opening.len()..].char_indices().find(|(_, letter)| {
                depth += i32::from("([{".contains(*letter)) - i32::from(")]}".contains(*letter));
                depth <= 0 && ends.contains(letter)
            });
            let end = end.map_or(self.code.len(), |(at, letter)| from + opening.len() + at + letter.len_utf8());
            self.code.replace_range(from..end, "");
        }
    }

    /// The literals that are left, with their lines.
    pub(crate) fn left(&self) -> impl Iterator<Item = &(usize, String)> {
        let numbers = self.code.split('"').skip(1).step_by(2);
        numbers.map(|number| &self.literals[number.parse::<usize>().expect("a literal's number")])
    }
}

/// The sources below `folder`, by path in it, without those of tests.
pub(crate) fn sources(folder: &Path) -> BTreeMap<PathBuf, Source> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            let is_test = matches!(path.file_stem().and_then(|stem| stem.to_str()), Some("tests" | "test"));
            if is_test {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).expect("it is below").to_path_buf();
                found.insert(name, Source::read(&fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    assert!(found.len() > 5, "sources in {}", folder.display());
    found
}

#[test]
fn tests_and_comments_are_no_code_and_literals_are_told_apart() {
    let text = "/// \"not this\"\nconst A: &str = \"one \\\n    two\"; // \"nor this\"\nconst Q: char = '\"';\n\
                fn f<'a>(x: &'a str) -> bool { x == r#\"a \"b\" c\"# }\n\
                #[cfg(test)]\nmod tests { const B: &str = \"hidden\"; fn g() { \"too\"; } }\nconst C: &str = \"say \\\"x\\\"\";";
    let source = Source::read(text);
    let left: Vec<&str> = source.left().map(|(_, said)| said.as_str()).collect();
    assert_eq!(left, ["one two", "a \"b\" c", "say \\\"x\\\""]);
    assert_eq!(source.left().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 5, 8]);
}
