//! Plots of business cases as SVG files that stand alone: curves with their spread and marked places, and tornados. Apart
//! from the fronts, whose sheet and scales they share. Each says in words what it shows, for those who do not see it.

use crate::html::escape::esc;
use crate::pareto_plot::{BOTTOM, COLOURS, HEIGHT, LEFT, RIGHT, Scale, TOP, WIDTH, number, sheet};
use std::fmt::Write;

/// Curves of one plot at most; more cannot be told apart.
pub const CURVES_MAX: usize = 8;
/// Bars of one tornado at most.
pub const BARS_MAX: usize = 12;
const DASHES: [&str; 2] = ["", " stroke-dasharray=\"6 3\""];
const BAR_HEIGHT: f64 = 26.0;
const NAMES_WIDTH: f64 = 300.0;

/// A curve.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Points from left to right.
    pub points: Vec<(f64, f64)>,
    /// Its spread: for each place the lower and the upper end; may be empty.
    pub band: Vec<(f64, f64, f64)>,
}

/// A marked place.
#[derive(Debug, Clone, PartialEq)]
pub struct Spot {
    /// Place on the horizontal axis.
    pub x: f64,
    /// Place on the vertical axis.
    pub y: f64,
    /// What it is.
    pub label: String,
}

/// Curves over two axes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    /// Title.
    pub title: String,
    /// What there is to see, in words.
    pub description: String,
    /// Horizontal axis.
    pub x_label: String,
    /// Vertical axis.
    pub y_label: String,
    /// Curves; beyond [`CURVES_MAX`] they are left out, and the plot says so.
    pub curves: Vec<Curve>,
    /// Marked places.
    pub spots: Vec<Spot>,
}

/// A bar of a tornado.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The input.
    pub name: String,
    /// Outcome with the input low.
    pub at_low: f64,
    /// Outcome with the input high.
    pub at_high: f64,
}

/// Draws curves.
#[must_use]
pub fn curves_svg(plot: &Curves) -> String {
    let shown = &plot.curves[..plot.curves.len().min(CURVES_MAX)];
    let xs = || {
        let points = shown
            .iter()
            .flat_map(|curve| curve.points.iter().map(|point| point.0));
        points.chain(plot.spots.iter().map(|spot| spot.x))
    };
    let ys = || {
        let points = shown
            .iter()
            .flat_map(|curve| curve.points.iter().map(|point| point.1));
        let bands = shown
            .iter()
            .flat_map(|curve| curve.band.iter().flat_map(|(_, low, high)| [*low, *high]));
        points.chain(bands).chain(plot.spots.iter().map(|spot| spot.y))
    };
    let x = Scale::over(xs(), LEFT, WIDTH - RIGHT, false);
    let y = Scale::over(ys(), HEIGHT - BOTTOM, TOP, false);
    let mut svg = described(
        &sheet(&plot.title, &plot.x_label, &plot.y_label, &x, &y),
        &plot.description,
    );
    for (place, curve) in shown.iter().enumerate() {
        draw_curve(&mut svg, curve, place, &x, &y);
    }
    let left_out = plot.curves.len() - shown.len();
    if left_out > 0 {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555b64\">{left_out} more are not drawn</text>",
            WIDTH - RIGHT - 6.0,
            HEIGHT - BOTTOM - 8.0
        );
    }
    for spot in &plot.spots {
        let (cx, cy) = (x.at(spot.x), y.at(spot.y));
        let (anchor, shift) = if cx > WIDTH - 180.0 {
            ("end", -7.0)
        } else {
            ("start", 7.0)
        };
        let _ = writeln!(
            svg,
            "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"4\" fill=\"#ffffff\" stroke=\"#1d2127\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" font-size=\"11\">{}</text>",
            cx + shift,
            cy + 14.0,
            esc(&spot.label)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_curve(svg: &mut String, curve: &Curve, place: usize, x: &Scale, y: &Scale) {
    let colour = COLOURS[place % COLOURS.len()];
    if !curve.band.is_empty() {
        let there = curve.band.iter().map(|(at, low, _)| (*at, *low));
        let back = curve.band.iter().rev().map(|(at, _, high)| (*at, *high));
        let _ = writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"{colour}\" opacity=\"0.12\"/>",
            path(there.chain(back), x, y)
        );
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{}><title>{}</title></polyline>",
        path(curve.points.iter().copied(), x, y),
        DASHES[place / COLOURS.len() % DASHES.len()],
        esc(&curve.name)
    );
    #[expect(clippy::cast_precision_loss, reason = "at most CURVES_MAX")]
    let at = TOP + 14.0 + 17.0 * place as f64;
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{}</text>",
        LEFT + 8.0,
        esc(&curve.name)
    );
}

fn path(points: impl Iterator<Item = (f64, f64)>, x: &Scale, y: &Scale) -> String {
    let written: Vec<String> = points
        .map(|(px, py)| format!("{:.1},{:.1}", x.at(px), y.at(py)))
        .collect();
    written.join(" ")
}

/// Puts what a plot shows in words behind its title.
fn described(sheet: &str, description: &str) -> String {
    sheet.replacen(
        "</title>\n",
        &format!("</title>\n<desc>{}</desc>\n", esc(description)),
        1,
    )
}

/// Draws a tornado: for each input the outcomes at its ends, around the outcome at all medians.
#[must_use]
pub fn tornado_svg(title: &str, description: &str, unit: &str, middle: f64, bars: &[Bar]) -> String {
    let shown = &bars[..bars.len().min(BARS_MAX)];
    let ends = shown.iter().flat_map(|bar| [bar.at_low, bar.at_high]);
    let x = Scale::over(ends.chain([middle]), NAMES_WIDTH, WIDTH - RIGHT, false);
    #[expect(clippy::cast_precision_loss, reason = "at most BARS_MAX")]
    let bottom = TOP + BAR_HEIGHT * shown.len().max(1) as f64;
    let height = bottom + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<title>{0}</title>\n<desc>{1}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"24\" y=\"26\" font-size=\"15\" font-weight=\"600\">{0}</text>\n",
        esc(title),
        esc(description)
    );
    for (place, bar) in shown.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "at most BARS_MAX")]
        let top = TOP + BAR_HEIGHT * place as f64;
        draw_bar(&mut svg, bar, top, &x);
    }
    let at = x.at(middle);
    let _ = writeln!(
        svg,
        "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#1d2127\"/>\
         <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        bottom + 18.0,
        number(middle)
    );
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}; each input at its 10 % (pale) and 90 % quantile (dark), \
         all others at their medians</text>",
        WIDTH / 2.0,
        height - 16.0,
        esc(unit)
    );
    svg.push_str("</svg>\n");
    svg
}

fn draw_bar(svg: &mut String, bar: &Bar, top: f64, x: &Scale) {
    /// Characters of a name that fit before the bars.
    const NAME_CHARS: usize = 44;
    let mut name: String = bar.name.chars().take(NAME_CHARS).collect();
    if bar.name.chars().nth(NAME_CHARS).is_some() {
        name.push('…');
    }
    let (low, high) = (x.at(bar.at_low), x.at(bar.at_high));
    let (left, right) = (low.min(high), low.max(high));
    let _ = writeln!(
        svg,
        "<rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\" opacity=\"0.55\"><title>{}: {} to \
         {}</title></rect><rect x=\"{:.1}\" y=\"{:.1}\" width=\"3\" height=\"{:.1}\" fill=\"{}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        top + 4.0,
        (right - left).max(1.0),
        BAR_HEIGHT - 8.0,
        COLOURS[1],
        esc(&bar.name),
        number(bar.at_low),
        number(bar.at_high),
        high - 1.5,
        top + 4.0,
        BAR_HEIGHT - 8.0,
        COLOURS[0],
        NAMES_WIDTH - 10.0,
        top + BAR_HEIGHT / 2.0 + 4.0,
        esc(&name)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the drawing: every curve, band, spot and word is in it, foreign names are text, too many curves are told,
    /// and nothing to draw is no reason to fail.
    #[test]
    fn curves_are_drawn() {
        let curve = |name: &str| Curve {
            name: name.to_owned(),
            points: vec![(0.0, 1.0), (2.0, 5.0)],
            band: vec![(0.0, 0.5, 1.5), (2.0, 4.0, 6.0)],
        };
        let mut plot = Curves {
            title: "cash".to_owned(),
            description: "rises & falls".to_owned(),
            curves: vec![curve("</svg><script>"), curve("b")],
            spots: vec![Spot {
                x: 1.0,
                y: 3.0,
                label: "here".to_owned(),
            }],
            ..Curves::default()
        };
        let svg = curves_svg(&plot);
        let count = |what: &str| svg.matches(what).count();
        assert_eq!(
            (count("<polyline"), count("<polygon"), count("<circle")),
            (2, 2, 1)
        );
        assert!(svg.contains("<desc>rises &amp; falls</desc>") && svg.contains(">here<"));
        assert!(!svg.contains("<script>") && count("</svg>") == 1 && !svg.contains("NaN"));
        plot.curves = (0..11).map(|place| curve(&place.to_string())).collect();
        let many = curves_svg(&plot);
        assert_eq!(many.matches("<polyline").count(), CURVES_MAX);
        assert!(many.contains("3 more are not drawn") && many.contains("stroke-dasharray=\"6 3\""));
        assert!(curves_svg(&Curves::default()).ends_with("</svg>\n"));
    }

    /// Protects tornados: one bar an input, also where the outcome falls when the input rises, and none at all.
    #[test]
    fn bars_are_drawn() {
        let bar = |name: &str, at_low: f64, at_high: f64| Bar {
            name: name.to_owned(),
            at_low,
            at_high,
        };
        let bars = [bar("success", 10.0, 90.0), bar("loss", 60.0, 40.0)];
        let svg = tornado_svg("t", "words", "dollars", 50.0, &bars);
        assert_eq!(svg.matches("opacity=\"0.55\"").count(), 2);
        assert!(
            svg.contains("success: 10 to 90")
                && svg.contains("<desc>words</desc>")
                && svg.contains("dollars;")
        );
        assert!(!svg.contains("width=\"-") && !svg.contains("NaN"));
        assert!(tornado_svg("t", "", "", 0.0, &[]).ends_with("</svg>\n"));
    }
}
