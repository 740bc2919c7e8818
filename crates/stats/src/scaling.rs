//! Powers of two that bring data of extreme size into a range where sums and squares neither overflow nor
//! vanish. Apart because correlations, prediction-powered means and two-sample distances all need it; a power of
//! two, so that nothing is rounded.

/// The power of two by which to multiply all lists, 1 for ordinary values. Divide results by it (or by its root,
/// or by its square) as their unit demands.
pub(crate) fn taming_factor(lists: &[&[f64]]) -> f64 {
    let largest = lists
        .iter()
        .flat_map(|list| list.iter())
        .fold(0.0f64, |max, v| max.max(v.abs()));
    if largest > 1e100 {
        2f64.powi(-700)
    } else if largest > 0.0 && largest < 1e-100 {
        2f64.powi(700)
    } else {
        1.0
    }
}

/// The values times the factor.
pub(crate) fn scaled(values: &[f64], factor: f64) -> Vec<f64> {
    values.iter().map(|v| v * factor).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: ordinary values are left alone, extreme ones can be squared and summed afterwards.
    #[test]
    fn tames_only_extremes() {
        assert_eq!(taming_factor(&[&[1.0, -1e90], &[]]), 1.0);
        assert_eq!(taming_factor(&[&[0.0]]), 1.0);
        for extreme in [1e308, 1e-300] {
            let values = [extreme, -extreme];
            let tame = scaled(&values, taming_factor(&[&values]));
            let square = tame[0] * tame[0] * 1e9;
            assert!(square.is_finite() && square > 0.0);
        }
    }
}
