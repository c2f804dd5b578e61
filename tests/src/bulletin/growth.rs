//! Whether what is measured grows faster than the number of bodies.

use std::fmt::Write;

use super::Size;

/// So much more than in proportion is noise.
const SLACK: f64 = 1.25;

/// What grew faster than the bodies between two sizes, and a line for each figure with all its values.
#[must_use]
pub fn growth(sizes: &[Size]) -> (String, bool) {
    let mut text = String::new();
    let mut linear = true;
    let Some(first) = sizes.first() else {
        return (text, linear);
    };
    for figure in &first.figures {
        let values: Vec<_> = sizes
            .iter()
            .filter_map(|size| {
                let same = size.figures.iter().find(|other| other.what == figure.what);
                same.map(|same| (size.bodies as f64, same.value))
            })
            .collect();
        let grows = |pair: &[(f64, f64)]| match pair {
            [(few, small), (many, large)] => *small > 0.0 && large / small > many / few * SLACK,
            _ => false,
        };
        let more = values.windows(2).any(grows);
        // More of this is better.
        let counts = figure.unit != "per s";
        linear &= !(more && counts);
        let all: Vec<_> = values.iter().map(|(_, value)| format!("{value:.2}")).collect();
        let word = if more && counts { "  MORE THAN LINEAR" } else { "" };
        let _ = writeln!(text, "{}: {} {}{word}", figure.what, all.join(", "), figure.unit);
    }
    (text, linear)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figure;

    #[test]
    fn what_grows_faster_than_the_bodies_is_named() {
        let size = |bodies: usize, value: f64| Size {
            bodies,
            figures: vec![Figure::of("it", value, "s", "")],
        };
        assert!(growth(&[size(10, 1.0), size(100, 9.0)]).1);
        let (text, linear) = growth(&[size(10, 1.0), size(100, 9.0), size(1_000, 200.0)]);
        assert!(!linear && text.contains("1.00, 9.00, 200.00 s  MORE"), "{text}");
    }
}
