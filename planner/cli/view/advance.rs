//! How far a running thing is, as text: its epochs, its figures, their curve, the time left.

use std::collections::BTreeMap;

use super::layout::{columns, cut};

/// So many epochs must have been seen before a time is guessed from them.
const EPOCHS_MIN: u64 = 2;
/// The curve has at most so many points.
const CURVE_POINTS_MAX: usize = 8;
/// The figures that are worth a glance, by the name that they are shown with.
const SHOWN: [(&str, &str); 4] = [
    ("loss", "loss"),
    ("auc", "auc"),
    ("validation_auc", "auc"),
    ("accuracy", "accuracy"),
];
/// More figures than these are for the report.
const FIGURES_MAX: usize = 2;

/// What was told last of a running thing, and how fast it went so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advance {
    note: String,
    done: Option<(u64, u64)>,
    figures: BTreeMap<String, f64>,
    now: u64,
    pace: Option<Pace>,
    curve: Vec<f64>,
}

/// Two moments of one attempt: how much was done, and when, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Pace {
    first: (u64, u64),
    last: (u64, u64),
}

/// Where a line stands: how much room there is, and what can be shown in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Columns.
    pub(crate) columns: usize,
    /// Whether a curve can be drawn.
    pub(crate) has_curve: bool,
}

impl Advance {
    /// Takes what is told, at a time in milliseconds on the teller's clock. What goes back, or is
    /// told by another clock, is another attempt: what was seen of the one before says nothing.
    pub(crate) fn note(
        &mut self,
        note: &str,
        done: Option<(u64, u64)>,
        figures: &BTreeMap<String, f64>,
        at: u64,
    ) {
        note.clone_into(&mut self.note);
        self.figures.clone_from(figures);
        self.done = done;
        self.now = at;
        let Some((part, _)) = done else {
            return;
        };
        let goes_on = |pace: &Pace| part >= pace.last.0 && at >= pace.last.1;
        let before = self.pace.filter(goes_on);
        if before.is_none() {
            self.curve.clear();
        }
        let is_new = before.is_none_or(|pace| part > pace.last.0);
        let moment = (part, at);
        self.pace = Some(match before {
            None => Pace {
                first: moment,
                last: moment,
            },
            Some(pace) if is_new => Pace {
                last: moment,
                ..pace
            },
            Some(pace) => pace,
        });
        let loss = figures.get("loss").filter(|loss| loss.is_finite());
        if let (true, Some(loss)) = (is_new, loss) {
            self.curve.push(*loss);
        }
    }

    /// How long it still takes if it goes on as in this attempt so far, in milliseconds.
    fn left(&self) -> Option<u64> {
        let (pace, (part, all)) = (self.pace?, self.done?);
        let seen = pace.last.0 - pace.first.0;
        if seen < EPOCHS_MIN || part >= all {
            return None;
        }
        let took = u128::from(pace.last.1 - pace.first.1);
        let whole = took * u128::from(all - part) / u128::from(seen);
        let since = self.now - pace.last.1;
        Some(u64::try_from(whole).ok()?.saturating_sub(since))
    }

    /// `epoch 19/30  loss 0.48  ▇▆▄▃▂▁▁▁  about 2 s left`: what matters least is left out where
    /// there is no room.
    pub(crate) fn text(&self, room: Room) -> String {
        // What is said, and how dear it is.
        let mut parts: Vec<(u8, String)> = Vec::new();
        match (self.note.is_empty(), self.done) {
            (false, _) => parts.push((9, self.note.clone())),
            (true, Some((part, all))) => parts.push((9, format!("{part}/{all}"))),
            (true, None) => {}
        }
        for (index, text) in self.figures_shown().into_iter().enumerate() {
            parts.push((if index == 0 { 7 } else { 1 }, text));
        }
        let curve = curve(&self.curve);
        if room.has_curve && !curve.is_empty() {
            parts.push((5, curve));
        }
        parts.extend(self.left().map(|left| (8, left_text(left))));
        fitted(parts, room.columns)
    }

    fn figures_shown(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (name, shown) in SHOWN {
            let Some(value) = self.figures.get(name).filter(|value| value.is_finite()) else {
                continue;
            };
            let is_said = self.note.contains(shown)
                || texts.iter().any(|text| text.starts_with(shown))
                || texts.len() == FIGURES_MAX;
            if !is_said {
                texts.push(format!("{shown} {}", figure(*value)));
            }
        }
        texts
    }
}

/// A figure in few digits, however small it is.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 => 0,
        size if size >= 0.095 || size == 0.0 => 2,
        size if size >= 0.0095 => 3,
        size if size >= 0.000_95 => 4,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.digits$}")
}

/// `about 2 s left`; what is nearly over takes a second still.
fn left_text(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000).max(1);
    let (amount, unit) = match seconds {
        0..=99 => (seconds, "s"),
        100..=5_999 => ((seconds + 30) / 60, "min"),
        _ => ((seconds + 1_800) / 3_600, "h"),
    };
    format!("about {amount} {unit} left")
}

/// The values as a small curve of their whole length; none of a single one.
pub(crate) fn curve(values: &[f64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if values.len() < 2 {
        return String::new();
    }
    let points = values.len().min(CURVE_POINTS_MAX);
    // Each point is the last of its stretch, so that the curve ends where things stand.
    let ends = (1..=points).map(|point| values[point * values.len() / points - 1]);
    let ends: Vec<f64> = ends.collect();
    let low = ends.iter().copied().fold(f64::INFINITY, f64::min);
    let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let level = |value: f64| {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        let index = (share * 7.0).round().clamp(0.0, 7.0);
        LEVELS[index as usize]
    };
    ends.into_iter().map(level).collect()
}

/// The parts in a line, without the least dear ones that there is no room for.
fn fitted(mut parts: Vec<(u8, String)>, room: usize) -> String {
    loop {
        let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
        let line = texts.join("  ");
        if columns(&line) <= room {
            return line;
        }
        if parts.len() < 2 {
            return cut(&line, room);
        }
        let least = parts.iter().map(|(worth, _)| *worth).min();
        parts.retain(|(worth, _)| Some(*worth) != least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Room = Room {
        columns: 100,
        has_curve: true,
    };

    fn loss(value: f64) -> BTreeMap<String, f64> {
        BTreeMap::from([("loss".to_owned(), value)])
    }

    /// Tells epoch after epoch, 100 ms each.
    fn after(epochs: std::ops::RangeInclusive<u64>, all: u64) -> Advance {
        let mut advance = Advance::default();
        for epoch in epochs {
            let note = format!("epoch {epoch}/{all}");
            let value = 1.0 / epoch as f64;
            advance.note(&note, Some((epoch, all)), &loss(value), 5_000 + epoch * 100);
        }
        advance
    }

    #[test]
    fn a_curve_is_of_the_whole_length_and_ends_at_the_end() {
        assert_eq!(curve(&[0.0, 0.5, 1.0]), "▁▅█");
        assert_eq!(curve(&[]), "");
        assert_eq!(curve(&[2.0]), "");
        assert_eq!(curve(&[2.0, 2.0]), "▅▅");
        let long: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(curve(&long), "▁▂▃▄▅▆▇█");
    }

    #[test]
    fn no_time_is_guessed_before_two_epochs_and_none_is_negative() {
        let says = |advance: &Advance| advance.text(WIDE).contains("left");
        assert!(!says(&after(1..=2, 30)));
        assert_eq!(
            after(1..=3, 30).text(WIDE),
            "epoch 3/30  loss 0.33  █▃▁  about 3 s left"
        );
        // Nothing came for longer than all of it should take.
        let mut late = after(1..=28, 30);
        late.note("epoch 28/30", Some((28, 30)), &loss(0.1), 900_000);
        assert!(late.text(WIDE).ends_with("about 1 s left"), "{late:?}");
        assert!(!says(&after(1..=30, 30)));
        let mut more = after(1..=30, 30);
        more.note("", Some((31, 30)), &BTreeMap::new(), 9_000);
        assert!(!says(&more));
    }

    #[test]
    fn another_attempt_is_judged_by_itself() {
        let mut advance = after(1..=20, 30);
        advance.note("epoch 15/30", Some((15, 30)), &loss(0.5), 90_000);
        assert_eq!(advance.text(WIDE), "epoch 15/30  loss 0.50");
        advance.note("epoch 16/30", Some((16, 30)), &loss(0.4), 91_000);
        advance.note("epoch 17/30", Some((17, 30)), &loss(0.3), 92_000);
        assert!(
            advance.text(WIDE).ends_with("about 13 s left"),
            "{advance:?}"
        );
        // Another clock: somebody else follows it now.
        advance.note("epoch 18/30", Some((18, 30)), &loss(0.3), 100);
        assert!(!advance.text(WIDE).contains("left"));
        // What is told twice is no second epoch.
        advance.note("epoch 18/30", Some((18, 30)), &loss(0.3), 200);
        advance.note("epoch 19/30", Some((19, 30)), &loss(0.3), 300);
        assert!(!advance.text(WIDE).contains("left"));
    }

    #[test]
    fn what_matters_least_goes_first() {
        let mut advance = after(1..=19, 30);
        let figures = BTreeMap::from([
            ("loss".to_owned(), 0.4812),
            ("validation_auc".to_owned(), 0.7912),
            ("validation_loss".to_owned(), 0.5),
        ]);
        advance.note("epoch 20/30", Some((20, 30)), &figures, 7_000);
        let text = |columns| {
            advance.text(Room {
                columns,
                has_curve: true,
            })
        };
        assert_eq!(
            text(80),
            "epoch 20/30  loss 0.48  auc 0.79  █▃▂▂▁▁▁█  about 1 s left"
        );
        assert!(!text(52).contains("auc") && text(52).contains("left"));
        assert_eq!(text(40), "epoch 20/30  loss 0.48  about 1 s left");
        assert_eq!(text(28), "epoch 20/30  about 1 s left");
        assert_eq!(text(8), "epoch 2…");
        let plain = Room {
            columns: 80,
            has_curve: false,
        };
        assert!(advance.text(plain).is_ascii());
    }

    #[test]
    fn figures_that_the_note_says_or_that_nobody_reads_here_are_left_out() {
        let mut advance = Advance::default();
        let figures = BTreeMap::from([("auc".to_owned(), 0.78), ("psi(age)".to_owned(), 1.0)]);
        advance.note("auc 0.780", None, &figures, 0);
        assert_eq!(advance.text(WIDE), "auc 0.780");
        advance.note("", Some((2, 3)), &BTreeMap::new(), 0);
        assert_eq!(advance.text(WIDE), "2/3");
    }

    #[test]
    fn times_and_figures_are_short_whatever_their_size() {
        let times = [(0, "1 s"), (1_001, "2 s"), (99_000, "99 s")];
        let longer = [
            (100_000, "2 min"),
            (5_999_000, "100 min"),
            (9e6 as u64, "3 h"),
        ];
        for (milliseconds, text) in times.into_iter().chain(longer) {
            assert_eq!(left_text(milliseconds), format!("about {text} left"));
        }
        for (value, text) in [
            (0.0, "0.00"),
            (0.481, "0.48"),
            (-0.02, "-0.020"),
            (0.0031, "0.0031"),
            (0.000_012, "1.2e-5"),
            (12_345.6, "12346"),
        ] {
            assert_eq!(figure(value), text);
        }
    }
}
