//! One plot as SVG: plotters draws it in marker colours, and those become colours of the page.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// plotters places everything at whole units: so many of them make one pixel of the page.
const SCALE: f64 = 8.0;
/// plotters writes a font's size divided by this.
const FONT_FACTOR: f64 = 1.24;
/// Letters of ticks and titles, in pixels.
const FONT_PIXELS: f64 = 12.0;
/// How wide a letter is on average, in pixels.
pub(crate) const LETTER_PIXELS: f64 = 7.0;

/// What something is drawn in. The page says which colour that is, in light and in dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Letters.
    Text,
    /// Letters that matter less.
    Soft,
    /// Lines behind everything.
    Grid,
    /// The first series.
    One,
    /// The second series: also dashed or hollow, for whoever sees no colours.
    Two,
}

const INKS: [(Ink, &str); 5] = [
    (Ink::Text, "var(--text)"),
    (Ink::Soft, "var(--soft)"),
    (Ink::Grid, "var(--line)"),
    (Ink::One, "var(--one)"),
    (Ink::Two, "var(--two)"),
];

impl Ink {
    /// The colour that stands for it until the page's own is put in.
    fn marker(self) -> RGBColor {
        let place = INKS.iter().position(|(ink, _)| *ink == self);
        RGBColor(1, 2, place.map_or(0, |place| place as u8))
    }
}

/// One axis.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Its lower end.
    pub(crate) low: f64,
    /// Its upper end.
    pub(crate) high: f64,
    /// Where it is marked, and how.
    pub(crate) ticks: Vec<(f64, String)>,
    /// What it measures.
    pub(crate) title: String,
    /// Whether lines run across the plot at its ticks.
    pub(crate) has_grid: bool,
}

impl Axis {
    /// An axis over at least this range, with round ticks.
    pub(crate) fn over(low: f64, high: f64, ticks_about: f64, title: &str) -> Axis {
        let (low, high) = match low.is_finite() && high.is_finite() && high > low {
            true => (low, high),
            // One value alone, or none that can be drawn.
            false if low.is_finite() => (low - 0.5, low + 0.5),
            false => (0.0, 1.0),
        };
        let step = round_step((high - low) / ticks_about);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let mut ticks = Vec::new();
        let mut place = first;
        while place <= last && ticks.len() < 40 {
            ticks.push((place * step, crate::text::tick(place * step)));
            place += 1.0;
        }
        Axis {
            low: first * step,
            high: last * step,
            ticks,
            title: title.to_owned(),
            has_grid: true,
        }
    }

    /// From 0 to 1.
    pub(crate) fn share(title: &str) -> Axis {
        Axis::over(0.0, 1.0, 4.0, title)
    }

    /// One place a name, the first one at the top of a vertical axis.
    pub(crate) fn names(names: &[String], letters_max: usize) -> Axis {
        let rows = names.len();
        let tick = |(row, name): (usize, &String)| {
            (at_row(row, rows), crate::text::cut(name, letters_max))
        };
        Axis {
            low: 0.0,
            high: rows.max(1) as f64,
            ticks: names.iter().enumerate().map(tick).collect(),
            title: String::new(),
            has_grid: false,
        }
    }

    /// The same without lines across the plot.
    pub(crate) fn without_grid(mut self) -> Axis {
        self.has_grid = false;
        self
    }
}

/// Where a row of [`Axis::names`] stands.
pub(crate) fn at_row(row: usize, rows: usize) -> f64 {
    rows as f64 - row as f64 - 0.5
}

/// 1, 2 or 5 times a power of ten, at least as large as asked for.
fn round_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let found = steps
        .into_iter()
        .find(|round| *round >= step * (1.0 - 1e-9));
    found.unwrap_or(10.0 * power)
}

/// Something that is drawn; places are in the axes' units.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A line through points.
    Line {
        points: Vec<(f64, f64)>,
        ink: Ink,
        /// In pixels.
        width: f64,
    },
    /// The area between two lines: x, lower and upper end.
    Band {
        points: Vec<(f64, f64, f64)>,
        ink: Ink,
    },
    /// A filled box between two corners.
    Bar {
        from: (f64, f64),
        to: (f64, f64),
        ink: Ink,
    },
    /// A dot.
    Dot {
        at: (f64, f64),
        ink: Ink,
        is_hollow: bool,
    },
    /// A text, a few pixels beside a place.
    Note {
        at: (f64, f64),
        text: String,
        side: Side,
        ink: Ink,
    },
}

/// On which side of its place a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the right.
    Right,
    /// Above, ending there.
    Above,
    /// Below, ending there.
    Below,
}

impl Mark {
    /// A line of usual width.
    pub(crate) fn line(points: Vec<(f64, f64)>, ink: Ink) -> Mark {
        Mark::Line {
            points,
            ink,
            width: 2.0,
        }
    }

    /// A thin line between two points: an interval, a reference.
    pub(crate) fn thin(from: (f64, f64), to: (f64, f64), ink: Ink) -> Mark {
        Mark::Line {
            points: vec![from, to],
            ink,
            width: 1.3,
        }
    }
}

/// One plot.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    /// In pixels, where the page has room for it.
    pub(crate) width: f64,
    /// In pixels.
    pub(crate) height: f64,
    /// Room for the ticks of the vertical axis, in pixels.
    pub(crate) left: f64,
    /// The horizontal axis.
    pub(crate) x: Axis,
    /// The vertical axis.
    pub(crate) y: Axis,
    /// From back to front.
    pub(crate) marks: Vec<Mark>,
    /// What it shows, for whoever does not see it.
    pub(crate) label: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Plot {
    /// The plot as an `svg` element of its own.
    pub(crate) fn svg(&self) -> String {
        let mut drawn = String::new();
        {
            let size = (units(self.width) as u32, units(self.height) as u32);
            let root = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
            self.draw(&root)
                .and_then(|()| root.present())
                .expect("writing into a text does not fail");
        }
        dressed(&drawn, self)
    }

    fn draw(&self, root: &Area<'_>) -> Drawn {
        let top = if self.y.title.is_empty() { 8.0 } else { 24.0 };
        let bottom = if self.x.title.is_empty() { 22.0 } else { 40.0 };
        let bottom = if self.x.ticks.is_empty() && self.x.title.is_empty() {
            6.0
        } else {
            bottom
        };
        let chart = ChartBuilder::on(root)
            .margin_top(units(top))
            .margin_right(units(20.0))
            .x_label_area_size(units(bottom))
            .y_label_area_size(units(self.left))
            .build_cartesian_2d(self.x.low..self.x.high, self.y.low..self.y.high)?;
        // What lies outside of an axis is drawn at its end.
        let place = |x: f64, y: f64| {
            let inside = |axis: &Axis, at: f64| at.clamp(axis.low, axis.high);
            chart.backend_coord(&(inside(&self.x, x), inside(&self.y, y)))
        };
        self.draw_frame(root, &place)?;
        self.marks
            .iter()
            .try_for_each(|mark| draw_mark(mark, root, &place))
    }

    fn draw_frame(&self, root: &Area<'_>, place: &dyn Fn(f64, f64) -> (i32, i32)) -> Drawn {
        let (left, bottom) = place(self.x.low, self.y.low);
        let (right, top) = place(self.x.high, self.y.high);
        let rule = Ink::Grid.marker().stroke_width(units(1.0) as u32);
        for (at, text) in &self.x.ticks {
            let (x, _) = place(*at, self.y.low);
            if self.x.has_grid {
                root.draw(&PathElement::new(vec![(x, bottom), (x, top)], rule))?;
            }
            let under = (x, bottom + units(7.0));
            write(root, text, under, (HPos::Center, VPos::Top), Ink::Soft)?;
        }
        for (at, text) in &self.y.ticks {
            let (_, y) = place(self.x.low, *at);
            if self.y.has_grid {
                root.draw(&PathElement::new(vec![(left, y), (right, y)], rule))?;
            }
            let beside = (left - units(7.0), y);
            write(root, text, beside, (HPos::Right, VPos::Center), Ink::Soft)?;
        }
        let edge = Ink::Soft.marker().stroke_width(units(1.0) as u32);
        root.draw(&PathElement::new(
            vec![(left, bottom), (right, bottom)],
            edge,
        ))?;
        let under = ((left + right) / 2, bottom + units(24.0));
        write(
            root,
            &self.x.title,
            under,
            (HPos::Center, VPos::Top),
            Ink::Text,
        )?;
        let above = (units(2.0), units(2.0));
        write(
            root,
            &self.y.title,
            above,
            (HPos::Left, VPos::Top),
            Ink::Text,
        )
    }
}

fn draw_mark(mark: &Mark, root: &Area<'_>, place: &dyn Fn(f64, f64) -> (i32, i32)) -> Drawn {
    match mark {
        Mark::Line { points, ink, width } => {
            let points: Vec<_> = points.iter().map(|(x, y)| place(*x, *y)).collect();
            let style = ink.marker().stroke_width(units(*width) as u32);
            root.draw(&PathElement::new(points, style))
        }
        Mark::Band { points, ink } => {
            let upper = points.iter().map(|(x, _, high)| place(*x, *high));
            let lower = points.iter().rev().map(|(x, low, _)| place(*x, *low));
            let corners: Vec<_> = upper.chain(lower).collect();
            root.draw(&Polygon::new(corners, ink.marker().mix(0.22).filled()))
        }
        Mark::Bar { from, to, ink } => {
            let (from, to) = (place(from.0, from.1), place(to.0, to.1));
            let corners = [
                (from.0.min(to.0), from.1.min(to.1)),
                (from.0.max(to.0), from.1.max(to.1)),
            ];
            root.draw(&Rectangle::new(corners, ink.marker().filled()))
        }
        Mark::Dot { at, ink, is_hollow } => {
            let center = place(at.0, at.1);
            let style = match is_hollow {
                true => ink.marker().stroke_width(units(2.0) as u32),
                false => ink.marker().filled(),
            };
            root.draw(&Circle::new(center, units(4.0), style))
        }
        Mark::Note {
            at,
            text,
            side,
            ink,
        } => {
            let (x, y) = place(at.0, at.1);
            let (at, anchor) = match side {
                Side::Right => ((x + units(6.0), y), (HPos::Left, VPos::Center)),
                Side::Above => ((x, y - units(7.0)), (HPos::Right, VPos::Bottom)),
                Side::Below => ((x, y + units(7.0)), (HPos::Right, VPos::Top)),
            };
            write(root, text, at, anchor, *ink)
        }
    }
}

fn write(root: &Area<'_>, text: &str, at: (i32, i32), anchor: (HPos, VPos), ink: Ink) -> Drawn {
    if text.is_empty() {
        return Ok(());
    }
    let font = ("sans-serif", FONT_PIXELS * SCALE * FONT_FACTOR).into_font();
    let style = font.color(&ink.marker()).pos(Pos::new(anchor.0, anchor.1));
    root.draw(&Text::new(text.to_owned(), at, style))
}

/// Pixels in plotters' units.
fn units(pixels: f64) -> i32 {
    (pixels * SCALE).round() as i32
}

/// Replaces the first tag and every marker colour. A text can't hold a marker in quotes: plotters
/// writes a quote as `&quot;`.
fn dressed(drawn: &str, plot: &Plot) -> String {
    let mut out = format!(
        "<svg class=\"plot\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\" \
         style=\"max-width:{}px\">",
        escaped(&plot.label),
        units(plot.width),
        units(plot.height),
        plot.width,
    );
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let body = body
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace("\n</text>", "</text>")
        .replace(" \"/>", "\"/>");
    let markers = INKS.map(|(ink, variable)| {
        let RGBColor(red, green, blue) = ink.marker();
        (
            ink,
            format!("\"#{red:02X}{green:02X}{blue:02X}\""),
            variable,
        )
    });
    // plotters writes one element a line.
    for element in body.lines() {
        let mut element = element.to_owned();
        for (ink, marker, variable) in &markers {
            let mut line = format!("stroke=\"{variable}\"");
            if *ink == Ink::Two && element.starts_with("<polyline") {
                line += &format!(" stroke-dasharray=\"{0} {0}\"", units(5.0));
            }
            element = element.replace(&format!("stroke={marker}"), &line);
            element = element.replace(marker, &format!("\"{variable}\""));
        }
        out += &element;
        out.push('\n');
    }
    out
}

/// A text as it stands in an attribute or an element.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(name: &str) -> Plot {
        Plot {
            width: 200.0,
            height: 100.0,
            left: 60.0,
            x: Axis::share(name),
            y: Axis::names(&[name.to_owned()], 80),
            marks: vec![
                Mark::line(vec![(0.0, 0.5), (2.0, 0.5)], Ink::Two),
                Mark::Dot {
                    at: (0.5, 0.5),
                    ink: Ink::One,
                    is_hollow: false,
                },
            ],
            label: name.to_owned(),
        }
    }

    #[test]
    fn every_colour_is_the_pages_and_no_text_is_markup() {
        let drawn = plot("</text><script>\"#010203\" & 'x'").svg();
        assert!(
            !drawn.contains("<script") && !drawn.contains("\"#0102"),
            "{drawn}"
        );
        assert!(drawn.contains("&lt;script&gt;") && drawn.contains("var(--two)"));
        assert!(drawn.starts_with("<svg class=\"plot\" role=\"img\"") && drawn.contains("</svg>"));
        assert!(
            !drawn.contains("http"),
            "nothing names another place: {drawn}"
        );
    }

    #[test]
    fn ticks_are_round_and_ends_are_ticks() {
        let axis = Axis::over(0.13, 0.87, 4.0, "");
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
        let texts: Vec<&str> = axis.ticks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        for (low, high) in [
            (3.0, 3.0),
            (f64::NAN, 1.0),
            (1.0, f64::INFINITY),
            (2.0, 1.0),
        ] {
            let axis = Axis::over(low, high, 4.0, "");
            assert!(axis.high > axis.low && axis.ticks.len() > 1, "{low} {high}");
        }
    }

    #[test]
    fn the_same_plot_has_the_same_bytes() {
        assert_eq!(plot("a").svg(), plot("a").svg());
    }
}
