//! Why a command did not work: for people, for scripts, and with the command that would have worked.

use std::process::ExitCode;

/// A refusal that ends the program.
#[derive(Debug)]
pub(crate) struct Fail {
    /// A word for scripts.
    pub(crate) code: &'static str,
    /// What was expected, and what was found.
    pub(crate) message: String,
    /// What to type instead.
    pub(crate) hint: String,
    exit: u8,
}

impl Fail {
    /// The command line makes no sense: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: "usage", message: message.into(), hint: hint.into(), exit: 2 }
    }

    /// The command makes sense, and could not be done: exit code 1.
    pub(crate) fn failed(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into(), exit: 1 }
    }

    /// The same, with a hint that goes on as the user began: `program` is who and where, as they said it.
    pub(crate) fn hinting(self, program: &str) -> Self {
        let command = self.hint.strip_prefix("tertulia ").filter(|command| !command.contains("--registry"));
        let hint = command.map(|command| format!("{program} {command}"));
        Self { hint: hint.unwrap_or(self.hint), ..self }
    }

    /// The process's exit code.
    pub(crate) fn exit(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }
}

/// `word` as a shell takes it for one word.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-:/@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", crate::escape::line(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quoted_word_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("127.0.0.1:7473"), "127.0.0.1:7473");
        assert_eq!(quoted("Rust for sailors"), "'Rust for sailors'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
