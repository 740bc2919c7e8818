//! Candidates by two axes with the front between them, and courses of routers, as SVG files that stand alone. Apart from
//! the page's plots, which share its styles.

use crate::html::escape::esc;
use std::fmt::Write;

pub(crate) const WIDTH: f64 = 760.0;
pub(crate) const HEIGHT: f64 = 480.0;
pub(crate) const LEFT: f64 = 84.0;
pub(crate) const RIGHT: f64 = 24.0;
pub(crate) const TOP: f64 = 44.0;
pub(crate) const BOTTOM: f64 = 60.0;
/// Steps of an axis with a number.
const TICKS: u32 = 5;
/// From this ratio between the ends on an axis is logarithmic.
const LOG_FROM: f64 = 50.0;
pub(crate) const COLOURS: [&str; 4] = ["#0b6e99", "#8a8f98", "#b4540a", "#6a4c93"];

/// One candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// Place on the horizontal axis.
    pub x: f64,
    /// Place on the vertical axis.
    pub y: f64,
    /// Interval on the horizontal axis.
    pub x_range: Option<(f64, f64)>,
    /// Interval on the vertical axis.
    pub y_range: Option<(f64, f64)>,
    /// Whether it is on the front.
    pub is_on: bool,
    /// Chance of being on it.
    pub probability: f64,
}

/// Candidates by two axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plot {
    /// What is drawn.
    pub title: String,
    /// Horizontal axis; less is better.
    pub x_label: String,
    /// Vertical axis.
    pub y_label: String,
    /// Whether more is better on the vertical axis.
    pub y_higher_is_better: bool,
    /// Candidates with finite places.
    pub marks: Vec<Mark>,
}

/// A course.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A scale from values to places on the sheet.
pub(crate) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    is_log: bool,
}

impl Scale {
    pub(crate) fn over(values: impl Iterator<Item = f64>, from: f64, to: f64, may_be_log: bool) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let is_log = may_be_log && low > 0.0 && high / low > LOG_FROM;
        let (mut low, mut high) = if is_log {
            (low.log10(), high.log10())
        } else {
            (low, high)
        };
        if !(low.is_finite() && high.is_finite()) {
            (low, high) = (0.0, 1.0);
        }
        let margin = if high > low {
            (high - low) * 0.06
        } else {
            low.abs().max(1.0) * 0.1
        };
        Self {
            low: low - margin,
            high: high + margin,
            from,
            to,
            is_log,
        }
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        let value = if self.is_log {
            value.max(f64::MIN_POSITIVE).log10()
        } else {
            value
        };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        share.mul_add(self.to - self.from, self.from)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (0..=TICKS).map(|tick| {
            let value = (self.high - self.low).mul_add(f64::from(tick) / f64::from(TICKS), self.low);
            if self.is_log { 10_f64.powf(value) } else { value }
        })
    }
}

/// Draws candidates: filled where they are on the front, with their intervals, and a line along the front.
#[must_use]
pub fn pareto_svg(plot: &Plot) -> String {
    let ends =
        |range: Option<(f64, f64)>, value: f64| range.map_or([value, value], |(low, high)| [low, high]);
    let xs = plot.marks.iter().flat_map(|mark| ends(mark.x_range, mark.x));
    let ys = plot.marks.iter().flat_map(|mark| ends(mark.y_range, mark.y));
    let x = Scale::over(xs, LEFT, WIDTH - RIGHT, true);
    let y = Scale::over(ys, HEIGHT - BOTTOM, TOP, false);
    let mut svg = sheet(&plot.title, &plot.x_label, &plot.y_label, &x, &y);
    let mut on: Vec<&Mark> = plot.marks.iter().filter(|mark| mark.is_on).collect();
    on.sort_by(|a, b| a.x.total_cmp(&b.x));
    let path: Vec<String> = on
        .iter()
        .map(|mark| format!("{:.1},{:.1}", x.at(mark.x), y.at(mark.y)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"4 3\"/>",
        path.join(" "),
        COLOURS[0]
    );
    for mark in &plot.marks {
        draw_mark(&mut svg, mark, &x, &y);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_mark(svg: &mut String, mark: &Mark, x: &Scale, y: &Scale) {
    let (cx, cy) = (x.at(mark.x), y.at(mark.y));
    let colour = COLOURS[usize::from(!mark.is_on)];
    if let Some((low, high)) = mark.x_range {
        let _ = writeln!(
            svg,
            "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{cy:.1}\" y2=\"{cy:.1}\" stroke=\"{colour}\" opacity=\"0.5\"/>",
            x.at(low),
            x.at(high)
        );
    }
    if let Some((low, high)) = mark.y_range {
        let _ = writeln!(
            svg,
            "<line x1=\"{cx:.1}\" x2=\"{cx:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" opacity=\"0.5\"/>",
            y.at(low),
            y.at(high)
        );
    }
    let fill = if mark.is_on { colour } else { "#ffffff" };
    let _ = writeln!(
        svg,
        "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4.5\" fill=\"{fill}\" stroke=\"{colour}\"><title>{}: {} / {}, on the \
         front in {:.0} % of resamples</title></circle>",
        esc(&mark.name),
        number(mark.x),
        number(mark.y),
        mark.probability * 100.0
    );
    if mark.is_on {
        // Near the right edge the name stands to the left.
        let (anchor, shift) = if cx > WIDTH - 160.0 {
            ("end", -8.0)
        } else {
            ("start", 8.0)
        };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            cx + shift,
            cy - 7.0,
            esc(&mark.name)
        );
    }
}

/// Draws courses over the same two axes.
#[must_use]
pub fn course_svg(title: &str, x_label: &str, y_label: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let x = Scale::over(points().map(|point| point.0), LEFT, WIDTH - RIGHT, false);
    let y = Scale::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP, false);
    let mut svg = sheet(title, x_label, y_label, &x, &y);
    for (index, line) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<String> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x.at(point.0), y.at(point.1)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        #[expect(clippy::cast_precision_loss, reason = "a handful of lines")]
        let at = TOP + 14.0 + 17.0 * index as f64;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{at:.1}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
            WIDTH - RIGHT - 6.0,
            esc(&line.name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

pub(crate) fn sheet(title: &str, x_label: &str, y_label: &str, x: &Scale, y: &Scale) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{0}</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"26\" font-size=\"15\" font-weight=\"600\">{0}</text>\n",
        esc(title)
    );
    let bottom = HEIGHT - BOTTOM;
    for tick in x.ticks() {
        let at = x.at(tick);
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#e3e5e8\"/><text x=\"{at:.1}\" \
             y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555b64\">{}</text>",
            bottom + 18.0,
            number(tick)
        );
    }
    for tick in y.ticks() {
        let at = y.at(tick);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#e3e5e8\"/><text x=\"{:.1}\" \
             y=\"{:.1}\" text-anchor=\"end\" fill=\"#555b64\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0,
            number(tick)
        );
    }
    let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
    let _ = writeln!(
        svg,
        "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}{}</text>",
        HEIGHT - 16.0,
        esc(x_label),
        if x.is_log { ", logarithmic" } else { "" }
    );
    let height = f64::midpoint(TOP, bottom);
    let _ = writeln!(
        svg,
        "<text transform=\"translate(20 {height:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        esc(y_label)
    );
    svg
}

/// Three significant digits.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 1e-12 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a power of ten")]
    let before = value.abs().log10().floor() as i32;
    let decimals = usize::try_from(2 - before).unwrap_or(0).min(9);
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(name: &str, x: f64, y: f64, is_on: bool) -> Mark {
        Mark {
            name: name.to_owned(),
            x,
            y,
            x_range: Some((x * 0.9, x * 1.1)),
            y_range: None,
            is_on,
            probability: 0.5,
        }
    }

    /// Protects the drawing: every candidate is in it, foreign names are text, a wide range is logarithmic, no place is
    /// off the sheet, and nothing to draw is no reason to fail.
    #[test]
    fn candidates_are_drawn() {
        let plot = Plot {
            title: "quality and cost".to_owned(),
            x_label: "cost (usd)".to_owned(),
            y_label: "quality".to_owned(),
            y_higher_is_better: true,
            marks: vec![
                mark("</svg><script>", 0.001, 0.5, true),
                mark("b", 1.0, 0.9, true),
                mark("c", 0.9, 0.6, false),
            ],
        };
        let svg = pareto_svg(&plot);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("&lt;/svg&gt;&lt;script&gt;") && !svg.contains("<script>"));
        assert!(svg.contains("cost (usd), logarithmic"));
        assert_eq!(svg.matches("</svg>").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        let empty = pareto_svg(&Plot::default());
        assert!(empty.ends_with("</svg>\n") && !empty.contains("NaN"));
        let course = course_svg(
            "t",
            "x",
            "y",
            &[Line {
                name: "lot".to_owned(),
                points: vec![(0.0, 0.5), (1.0, 0.7)],
            }],
        );
        assert!(course.contains("<polyline") && course.contains("lot"));
    }

    /// Protects numbers at the axes.
    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [0.0, 0.001_234, 12.0, 0.5, 1234.0].map(number),
            ["0", "0.00123", "12", "0.5", "1234"]
        );
    }
}
