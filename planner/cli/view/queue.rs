//! What an operation has not begun yet and what that waits for, and how far the operation is.

use mlinfra_api::{Address, Verb};
use mlinfra_apply::Queued;

use super::layout::{cut, padded};

/// No more lines than these are kept for what waits.
const LINES_MAX: usize = 6;
/// No more names than these are said for one thing that waits.
const NAMES_MAX: usize = 2;

/// The actions of an operation, in the order of the plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    actions: Vec<(Queued, Standing)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waits,
    Begun,
    Done,
    /// It failed, or could not be begun.
    Over,
}

impl Queue {
    /// All of them wait.
    pub(crate) fn new(actions: &[Queued]) -> Self {
        let waits = |action: &Queued| (action.clone(), Standing::Waits);
        Queue {
            actions: actions.iter().map(waits).collect(),
        }
    }

    /// A call is about to be made.
    pub(crate) fn begin(&mut self, address: &Address, verb: Verb) {
        self.put(address, Some(verb), Standing::Begun);
    }

    /// It is done.
    pub(crate) fn finish(&mut self, address: &Address, verb: Verb) {
        self.put(address, Some(verb), Standing::Done);
    }

    /// It failed, was cancelled or could not be begun.
    pub(crate) fn give_up(&mut self, address: &Address) {
        self.put(address, None, Standing::Over);
    }

    fn put(&mut self, address: &Address, verb: Option<Verb>, standing: Standing) {
        let is_meant = |(action, now): &&mut (Queued, Standing)| {
            let is_open = matches!(now, Standing::Waits | Standing::Begun);
            is_open && action.address == *address && verb.is_none_or(|verb| verb == action.verb)
        };
        if let Some((_, now)) = self.actions.iter_mut().find(is_meant) {
            *now = standing;
        }
    }

    /// How many actions are done, and how many there are; none where that is not known.
    pub(crate) fn counts(&self) -> Option<(usize, usize)> {
        let done = self
            .actions
            .iter()
            .filter(|(_, now)| *now == Standing::Done);
        (!self.actions.is_empty()).then(|| (done.count(), self.actions.len()))
    }

    /// `5 of 14 done`
    pub(crate) fn text(&self) -> Option<String> {
        let (done, all) = self.counts()?;
        Some(format!("{done} of {all} done"))
    }

    /// What waits, a line each, with what it waits for; then how far all of it is.
    pub(crate) fn lines(&self, sign: &str, name_columns: usize, width: usize) -> Vec<String> {
        let Some(text) = self.text() else {
            return Vec::new();
        };
        let waits = |(_, now): &&(Queued, Standing)| *now == Standing::Waits;
        let waiting: Vec<_> = self.actions.iter().filter(waits).collect();
        let line = |(action, _): &&(Queued, Standing)| {
            let name = padded(&action.address.to_string(), name_columns);
            cut(&format!("{sign} {name} {}", self.reason(action)), width)
        };
        let mut lines: Vec<String> = waiting.iter().take(LINES_MAX).map(line).collect();
        let more = waiting.len().saturating_sub(LINES_MAX);
        lines.push(match more {
            0 => format!("  {text}"),
            _ => format!("  {text}, {more} more wait"),
        });
        lines
    }

    /// What runs and is needed; where nothing does, what comes right before.
    fn reason(&self, action: &Queued) -> String {
        let needs = action.after.iter().filter_map(|one| self.actions.get(*one));
        let open: Vec<_> = needs.filter(|(_, now)| *now != Standing::Done).collect();
        let runs = open.iter().filter(|(_, now)| *now == Standing::Begun);
        let mut names: Vec<String> = runs.map(|(one, _)| one.address.to_string()).collect();
        names.truncate(NAMES_MAX);
        let last = open.last().map(|(one, _)| one.address.to_string());
        if names.is_empty() {
            names.extend(last);
        }
        match names.is_empty() {
            true => "is next".to_owned(),
            false => format!("waits for {}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queued(name: &str, after: &[usize]) -> Queued {
        Queued {
            address: Address::new("step", name),
            verb: Verb::Create,
            after: after.to_vec(),
        }
    }

    #[test]
    fn what_waits_says_for_what_and_all_of_it_is_counted() {
        let address = |name: &str| Address::new("step", name);
        let mut queue = Queue::new(&[
            queued("parts", &[]),
            queued("model", &[0]),
            queued("report", &[0, 1]),
            queued("release", &[1, 2]),
        ]);
        assert_eq!(queue.lines("○", 12, 40)[0], "○ step.parts   is next");
        queue.begin(&address("parts"), Verb::Create);
        queue.finish(&address("parts"), Verb::Create);
        queue.begin(&address("model"), Verb::Create);
        assert_eq!(
            queue.lines("○", 12, 40),
            [
                "○ step.report  waits for step.model",
                "○ step.release waits for step.model",
                "  1 of 4 done"
            ]
        );
        queue.finish(&address("model"), Verb::Create);
        assert_eq!(
            queue.lines("o", 12, 26),
            [
                "o step.report  is next",
                "o step.release waits for …",
                "  2 of 4 done"
            ]
        );
        queue.give_up(&address("report"));
        queue.give_up(&address("release"));
        assert_eq!(queue.lines("○", 12, 40), ["  2 of 4 done"]);
        assert!(Queue::default().lines("○", 12, 40).is_empty());
    }

    #[test]
    fn what_is_replaced_counts_twice_and_a_long_queue_is_cut() {
        let mut actions: Vec<Queued> = (0..9).map(|n| queued(&format!("s{n}"), &[])).collect();
        actions.push(Queued {
            verb: Verb::Delete,
            ..queued("s0", &[0])
        });
        let mut queue = Queue::new(&actions);
        queue.begin(&Address::new("step", "s0"), Verb::Create);
        let lines = queue.lines("○", 4, 80);
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(lines[LINES_MAX], "  0 of 10 done, 3 more wait");
        queue.finish(&Address::new("step", "s0"), Verb::Delete);
        assert_eq!(queue.counts(), Some((1, 10)));
        queue.finish(&Address::new("step", "s0"), Verb::Create);
        assert_eq!(queue.counts(), Some((2, 10)));
    }
}
