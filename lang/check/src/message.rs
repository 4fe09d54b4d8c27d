//! What a finding says where there is no room to draw its text: in editors, in SARIF, on GitHub.

use crate::Checked;
use crate::diagnostic::{Diagnostic, Span};

impl Checked {
    /// The parameter's option, `--param name`, if a span lies in what was given for one: such a
    /// place is in no file.
    pub fn option_of(&self, span: Span) -> Option<&str> {
        let file = self.files.get(span.file.0 as usize)?;
        file.name.starts_with("--param ").then_some(&*file.name)
    }

    /// [`Diagnostic::message`], with the option in front for what is in no file.
    pub fn message(&self, finding: &Diagnostic) -> String {
        match self.option_of(finding.primary.span) {
            Some(option) => format!("`{option}`: {}", finding.message()),
            None => finding.message(),
        }
    }
}

impl Diagnostic {
    /// What is wrong, in one line: the title, and what is wrong with the marked text.
    pub fn sentence(&self) -> String {
        match self.primary.text.is_empty() {
            true => self.title.clone(),
            false => format!("{}: {}", self.title, self.primary.text),
        }
    }

    /// What is wrong, why it matters and what to do: the sentence, then a line for each help.
    pub fn message(&self) -> String {
        let mut text = self.sentence();
        for help in &self.help {
            text += "\nhelp: ";
            text += help;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use crate::code::Code;
    use crate::diagnostic::{Diagnostic, FileId, Span};

    #[test]
    fn a_message_has_all_that_the_command_line_shows() {
        let span = Span {
            file: FileId(0),
            start: 0,
            end: 1,
        };
        let finding = Diagnostic::error(Code("E0417"), span, "`people` has no `agee`")
            .help("did you mean `age`?");
        let wanted = "a column does not exist in this table: `people` has no `agee`\n\
                      help: did you mean `age`?";
        assert_eq!(finding.message(), wanted);
        let silent = Diagnostic::error(Code("E0417"), span, "");
        assert_eq!(silent.message(), "a column does not exist in this table");
    }
}
