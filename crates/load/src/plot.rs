//! Pictures of a load as inline SVG, for Markdown and for pages: the distribution of latencies, values over time, latency
//! against throughput. Here and not with the reports, because those see findings and never a recording.
//!
//! Colours are those of the text around them (`currentColor`) with dashes to tell series apart, so that light, dark and
//! print are one file. Every picture has a title and a description for those who cannot see it.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 280.0;
/// Room for labels.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 44.0;
/// Points of a line at most; a longer series is thinned.
const POINTS_MAX: usize = 400;
/// Numbers beyond this are no measurement and are not drawn; on a logarithmic axis those below [`LOG_MIN`] neither.
const SIZE_MAX: f64 = 1e15;
const LOG_MIN: f64 = 1e-9;
/// A span below this share of its values is none.
const EVEN: f64 = 1e-9;
/// Labels on an axis that are aimed at.
const TICKS: f64 = 5.0;
/// Dashes that tell lines apart.
const DASHES: [&str; 5] = ["", "7 4", "2 3", "9 3 2 3", "1 5"];
/// Most lines in one picture.
pub const LINES_MAX: usize = DASHES.len();

/// One line, or points with whiskers.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Points in the order in which they are joined.
    pub points: Vec<Point>,
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Across.
    pub x: f64,
    /// Up.
    pub y: f64,
    /// Interval of `y`.
    pub range: Option<(f64, f64)>,
}

/// What an axis is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes<'a> {
    /// What the picture shows.
    pub title: &'a str,
    /// Across, with unit.
    pub x: &'a str,
    /// Up, with unit.
    pub y: &'a str,
    /// Whether powers of ten are evenly apart, across.
    pub is_log_x: bool,
}

/// The share of values at or below each value; needs no binning. Values that are not finite are left out.
#[must_use]
pub fn distribution(name: &str, values: &[f64]) -> Line {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let points = sorted.iter().enumerate().map(|(i, &x)| Point {
        x,
        y: (i + 1) as f64 / n,
        range: None,
    });
    Line {
        name: name.to_owned(),
        points: points.collect(),
    }
}

/// A picture of up to [`LINES_MAX`] lines; `None` where there is no point to draw.
#[must_use]
pub fn picture(axes: &Axes<'_>, lines: &[Line]) -> Option<String> {
    let lines: Vec<Line> = lines
        .iter()
        .take(LINES_MAX)
        .map(|line| drawable(line, axes.is_log_x))
        .collect();
    let points = || lines.iter().flat_map(|line| &line.points);
    points().next()?;
    let x = Scale::over(points().map(|point| point.x), axes.is_log_x, false);
    let ends = points().flat_map(|point| {
        let (low, high) = point.range.unwrap_or((point.y, point.y));
        [point.y, low, high]
    });
    let y = Scale::over(ends, false, true);
    let mut svg = String::new();
    let described = format!(
        "{}: {} against {}, {}",
        axes.title,
        axes.y,
        axes.x,
        described(&lines)
    );
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"11\" fill=\"currentColor\" stroke=\"none\"><title>{}</title><desc>{}</desc>",
        escaped(axes.title),
        escaped(&described),
    );
    frame(&mut svg, axes, &x, &y);
    for (line, dash) in lines.iter().zip(DASHES) {
        draw(&mut svg, line, dash, &x, &y);
    }
    legend(&mut svg, &lines);
    svg.push_str("</svg>");
    Some(svg)
}

/// Only what can be drawn, and not too much of it.
fn drawable(line: &Line, is_log_x: bool) -> Line {
    let is_sane = |value: f64| value.abs() <= SIZE_MAX;
    let good = |point: &&Point| {
        let (low, high) = point.range.unwrap_or_default();
        [point.x, point.y, low, high].into_iter().all(is_sane) && !(is_log_x && point.x < LOG_MIN)
    };
    let points: Vec<Point> = line.points.iter().filter(good).copied().collect();
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    // The last one is the largest latency, or now: it stays.
    let last = points.len().saturating_sub(1);
    let kept = points
        .iter()
        .enumerate()
        .filter(|(i, _)| i % step == 0 || *i == last)
        .map(|(_, point)| *point);
    Line {
        name: line.name.clone(),
        points: kept.collect(),
    }
}

fn described(lines: &[Line]) -> String {
    let parts = lines.iter().filter_map(|line| {
        let (first, last) = (line.points.first()?, line.points.last()?);
        Some(format!(
            "{} from ({}, {}) to ({}, {})",
            line.name,
            number(first.x),
            number(first.y),
            number(last.x),
            number(last.y)
        ))
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// From values to pixels.
struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    fn over(values: impl Iterator<Item = f64>, is_log: bool, from_zero: bool) -> Self {
        let finite = values.filter(|value| value.is_finite());
        let (mut low, mut high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        if from_zero && low > 0.0 {
            low = 0.0;
        }
        if is_log {
            if high <= low {
                high = low * 2.0;
            }
        } else if high - low <= EVEN * low.abs().max(high.abs()).max(1e-3) {
            high = low + low.abs().max(1.0);
        }
        Self { low, high, is_log }
    }

    fn share(&self, value: f64) -> f64 {
        let share = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.share(value) * (HEIGHT - TOP - BOTTOM)
    }

    /// Round numbers within the scale.
    fn ticks(&self) -> Vec<f64> {
        if self.is_log {
            let decades = self.low.log10().floor()..=self.high.log10().ceil();
            let (mut exponent, end) = decades.into_inner();
            let mut ticks = Vec::new();
            while exponent <= end && ticks.len() < 60 {
                for step in [1.0, 2.0, 5.0] {
                    let tick = step * 10f64.powf(exponent);
                    if tick >= self.low && tick <= self.high {
                        ticks.push(tick);
                    }
                }
                exponent += 1.0;
            }
            return ticks;
        }
        let rough = (self.high - self.low) / TICKS;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|step| step * power)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        let first = (self.low / step).ceil();
        let count = ((self.high - first * step) / step).floor().clamp(0.0, 20.0);
        (0..=20u32)
            .map(f64::from)
            .take_while(|i| *i <= count)
            .map(|i| (first + i) * step)
            .collect()
    }
}

fn frame(svg: &mut String, axes: &Axes<'_>, x: &Scale, y: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"16\" font-size=\"13\">{}</text>",
        escaped(axes.title)
    );
    for tick in y.ticks() {
        let at = y.y(tick);
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            number(tick)
        );
    }
    for tick in x.ticks() {
        let at = x.x(tick);
        let _ = write!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            number(tick)
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\">{}</text><text x=\"{right}\" y=\"16\" text-anchor=\"end\">{}</text>",
        HEIGHT - 8.0,
        escaped(axes.x),
        escaped(axes.y)
    );
}

fn draw(svg: &mut String, line: &Line, dash: &str, x: &Scale, y: &Scale) {
    let place = |point: &Point| format!("{:.1},{:.1}", x.x(point.x), y.y(point.y));
    let path: Vec<String> = line.points.iter().map(place).collect();
    let _ = write!(
        svg,
        "<polyline fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" stroke-dasharray=\"{dash}\" points=\"{}\"/>",
        path.join(" ")
    );
    for point in &line.points {
        if let Some((low, high)) = point.range {
            let at = x.x(point.x);
            let _ = write!(
                svg,
                "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"currentColor\"/>\
                 <circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"3\"/>",
                y.y(low),
                y.y(high),
                y.y(point.y)
            );
        }
    }
}

fn legend(svg: &mut String, lines: &[Line]) {
    for (i, (line, dash)) in lines.iter().zip(DASHES).enumerate() {
        let left = LEFT + i as f64 * 110.0;
        let at = HEIGHT - 12.0;
        let _ = write!(
            svg,
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{at}\" y2=\"{at}\" stroke=\"currentColor\" stroke-width=\"1.5\" \
             stroke-dasharray=\"{dash}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            left + 24.0,
            left + 30.0,
            at + 4.0,
            escaped(&line.name)
        );
    }
}

/// Short, without zeros that say nothing.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AXES: Axes<'static> = Axes {
        title: "Latency <ms>",
        x: "ms",
        y: "share",
        is_log_x: true,
    };

    /// Protects: a distribution rises from 1/n to 1 at its values.
    #[test]
    fn distributions() {
        let line = distribution("ttft", &[3.0, 1.0, f64::NAN, 2.0, 2.0]);
        let points: Vec<(f64, f64)> = line.points.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(points, [(1.0, 0.25), (2.0, 0.5), (2.0, 0.75), (3.0, 1.0)]);
    }

    /// Protects: names are escaped, ends are labelled, a description stands for the picture, size is bounded.
    #[test]
    fn pictures() {
        let values: Vec<f64> = (1..=100_000).map(f64::from).collect();
        let svg = picture(&AXES, &[distribution("a&b", &values)]).unwrap();
        assert!(svg.contains("Latency &lt;ms&gt;") && svg.contains("a&amp;b") && svg.contains("<desc>"));
        assert!(svg.contains("(100000, 1)"), "{svg}");
        assert!(svg.len() < 20_000, "{}", svg.len());
        assert_eq!(picture(&AXES, &[distribution("nothing", &[])]), None);
        assert_eq!(
            picture(&AXES, &[distribution("not on this scale", &[0.0, -1.0])]),
            None
        );
        let whiskers = Line {
            name: "p99".to_owned(),
            points: vec![Point {
                x: 10.0,
                y: 5.0,
                range: Some((4.0, 7.0)),
            }],
        };
        let svg = picture(
            &Axes {
                is_log_x: false,
                ..AXES
            },
            &[whiskers],
        )
        .unwrap();
        assert!(svg.contains("<circle"));
    }

    proptest! {
        /// Protects: whatever the numbers, there is no panic, and nothing that is not a number in the picture.
        #[test]
        fn any_numbers(values in prop::collection::vec(prop::num::f64::ANY, 0..40), is_log_x in any::<bool>()) {
            let axes = Axes { is_log_x, ..AXES };
            if let Some(svg) = picture(&axes, &[distribution("x", &values)]) {
                prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            }
        }
    }
}
