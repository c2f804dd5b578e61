//! The map of bodies as a picture to look at and to print: committees on top, then chapters, then cells.
//!
//! Layers from top to bottom; in each, a body has as much room as the words on its links need, so that no words meet. A link
//! that passes a layer has a place of its own in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::link::sent;
use super::map::{Health, Tie, beside, group, ties};
use super::plain::line as harmless;
use super::poster::escaped;
use crate::app::{EdgeView, NodeView, SendsWord};

/// Height of a body's box.
const BOX: f64 = 50.0;
/// Room between boxes.
const GAP: f64 = 30.0;
/// Room for the words on a link.
const WORDS: f64 = 70.0;
/// Room in which links cross, from a narrow picture to a wide one.
const CROSSING: (f64, f64) = (46.0, 150.0);
/// Room for a link within a layer.
const TRACK: f64 = 62.0;
/// Where boxes begin.
const LEFT: f64 = 120.0;
/// Where layers begin.
const TOP: f64 = 92.0;
/// Width of a link that has no words there.
const BARE: f64 = 22.0;
/// How much longer heavy words are.
const HEAVY: f64 = 1.1;
/// Height of a line of words.
const LINE: f64 = 14.0;
/// Most letters of a name.
const LONGEST: usize = 30;
/// The least width of a picture, which its legend takes.
const LEAST: f64 = 660.0;

/// A place in a layer: a body, or a link that passes.
struct Slot {
    layer: usize,
    width: f64,
    /// Its middle.
    x: f64,
}

/// An end of a piece of a link: at which slot, on which side, of which link and piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    slot: usize,
    below: bool,
    tie: usize,
    far: usize,
}

/// Where everything stands.
struct Plan {
    slots: Vec<Slot>,
    /// Kinds of the layers.
    kinds: Vec<String>,
    /// The slots that each link goes through.
    chains: Vec<Vec<usize>>,
    /// Middle of each port.
    ports: BTreeMap<Port, f64>,
    /// Links whose words are at their lower end; at the upper otherwise.
    low: Vec<bool>,
    /// Upper edge of the boxes of each layer.
    tops: Vec<f64>,
    /// Number of the track of each link within a layer.
    tracks: BTreeMap<usize, usize>,
    /// Room in which links cross.
    crossing: f64,
    width: f64,
    height: f64,
}

/// The map as SVG. A name is never markup; nothing is loaded from elsewhere.
#[must_use]
pub(super) fn picture(nodes: &[NodeView], edges: &[EdgeView], day: &str) -> String {
    let ties = ties(nodes, edges);
    let plan = Plan::of(nodes, &ties);
    let mut out = String::new();
    let (width, height) = (plan.width, plan.height);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" fill=\"#111\">\n  <title>Map of bodies</title>\n  <rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#fff\"/>"
    );
    words(
        &mut out,
        (24.0, 36.0),
        (20, "start", "#111", true),
        "Map of bodies",
    );
    let what = format!(
        "As one person knows them on {}. Filled: bodies that this person is in.",
        day
    );
    words(&mut out, (24.0, 58.0), (12, "start", "#555", false), &what);
    if nodes.is_empty() {
        words(
            &mut out,
            (24.0, TOP + 20.0),
            (14, "start", "#111", false),
            "No body yet.",
        );
    }
    for (kind, top) in plan.kinds.iter().zip(&plan.tops) {
        words(
            &mut out,
            (24.0, top + BOX / 2.0 + 5.0),
            (13, "start", "#555", true),
            group(kind),
        );
    }
    for (number, tie) in ties.iter().enumerate() {
        plan.line(&mut out, number, tie);
    }
    for (number, tie) in ties.iter().enumerate() {
        plan.label(&mut out, number, tie);
    }
    for (slot, node) in plan.slots.iter().zip(nodes) {
        let top = plan.tops.get(slot.layer).copied().unwrap_or_default();
        body(&mut out, slot, top, node);
    }
    legend(&mut out, height - 26.0);
    out.push_str("</svg>\n");
    out
}

impl Plan {
    fn of(nodes: &[NodeView], ties: &[Tie]) -> Self {
        let mut kinds: Vec<String> = nodes.iter().map(|node| node.kind.clone()).collect();
        kinds.dedup();
        let layer_of = |node: &NodeView| kinds.iter().position(|kind| *kind == node.kind).unwrap_or(0);
        let mut slots: Vec<Slot> = nodes
            .iter()
            .map(|node| Slot {
                layer: layer_of(node),
                width: name_width(node),
                x: 0.0,
            })
            .collect();
        let mut chains = Vec::new();
        for tie in ties {
            let layer = |place: usize| slots.get(place).map_or(0, |slot| slot.layer);
            let (upper, lower) = (layer(tie.upper), layer(tie.lower));
            let mut chain = vec![tie.upper];
            for layer in upper + 1..lower {
                chain.push(slots.len());
                slots.push(Slot {
                    layer,
                    width: BARE,
                    x: 0.0,
                });
            }
            chain.push(tie.lower);
            chains.push(chain);
        }
        let mut plan = Self {
            slots,
            kinds,
            chains,
            ports: BTreeMap::new(),
            low: Vec::new(),
            tops: Vec::new(),
            tracks: BTreeMap::new(),
            crossing: CROSSING.0,
            width: LEAST,
            height: 0.0,
        };
        plan.choose_ends(ties);
        plan.make_room(ties);
        let order = plan.order();
        plan.place(&order);
        plan.place_ports(ties);
        plan.stack(ties);
        plan
    }

    /// Links within one layer bend below it.
    fn is_within(&self, tie: &Tie) -> bool {
        let layer = |place: usize| self.slots.get(place).map(|slot| slot.layer);
        layer(tie.upper) == layer(tie.lower)
    }

    /// Words stand where fewer links meet.
    fn choose_ends(&mut self, ties: &[Tie]) {
        let count = |is: &dyn Fn(&&Tie) -> bool| ties.iter().filter(is).count();
        self.low = ties
            .iter()
            .map(|tie| {
                let above = count(&|other| other.lower == tie.lower && !self.is_within(other));
                let below = count(&|other| other.upper == tie.upper && !self.is_within(other));
                above <= below
            })
            .collect();
    }

    /// Both ends of every piece of every link, in pairs.
    fn pieces(&self, ties: &[Tie]) -> Vec<(Port, Port)> {
        let mut pieces = Vec::new();
        for (number, (tie, chain)) in ties.iter().zip(&self.chains).enumerate() {
            let within = self.is_within(tie);
            for pair in chain.windows(2) {
                if let [upper, lower] = *pair {
                    let from = Port {
                        slot: upper,
                        below: true,
                        tie: number,
                        far: lower,
                    };
                    let to = Port {
                        slot: lower,
                        below: within,
                        tie: number,
                        far: upper,
                    };
                    pieces.push((from, to));
                }
            }
        }
        pieces
    }

    /// How wide a port is: words need room where they stand.
    fn port_width(&self, port: Port, ties: &[Tie]) -> f64 {
        let low = self.low.get(port.tie).copied().unwrap_or(true);
        let Some(tie) = ties.get(port.tie) else {
            return BARE;
        };
        let end = if low { tie.lower } else { tie.upper };
        if port.slot == end && port.below != low && !self.is_within(tie) {
            label_width(tie) + 12.0
        } else {
            BARE
        }
    }

    /// A body is as wide as its links need.
    fn make_room(&mut self, ties: &[Tie]) {
        let mut needs = BTreeMap::<(usize, bool), f64>::new();
        for (from, to) in self.pieces(ties) {
            for port in [from, to] {
                *needs.entry((port.slot, port.below)).or_default() += self.port_width(port, ties);
            }
        }
        for ((slot, _), need) in needs {
            if let Some(slot) = self.slots.get_mut(slot) {
                slot.width = slot.width.max(need);
            }
        }
    }

    /// The order in each layer in which few links cross: each stands near the middle of those that it is linked with.
    fn order(&self) -> Vec<Vec<usize>> {
        let mut order: Vec<Vec<usize>> = (0..self.kinds.len())
            .map(|layer| {
                let of_layer = self
                    .slots
                    .iter()
                    .enumerate()
                    .filter(|(_, slot)| slot.layer == layer);
                of_layer.map(|(slot, _)| slot).collect()
            })
            .collect();
        let mut near = BTreeMap::<usize, Vec<usize>>::new();
        for pair in self.chains.iter().flat_map(|chain| chain.windows(2)) {
            if let [a, b] = *pair {
                near.entry(a).or_default().push(b);
                near.entry(b).or_default().push(a);
            }
        }
        let layers = order.len();
        for round in 0..6 {
            let sweep: Vec<usize> = if round % 2 == 0 {
                (0..layers).collect()
            } else {
                (0..layers).rev().collect()
            };
            for layer in sweep {
                let places = placed(&order);
                let aim = |slot: &usize| {
                    let own = places.get(slot).copied().unwrap_or_default();
                    let of: Vec<f64> = near
                        .get(slot)
                        .into_iter()
                        .flatten()
                        .filter_map(|other| places.get(other).copied())
                        .collect();
                    if of.is_empty() {
                        own
                    } else {
                        of.iter().sum::<f64>() / of.len() as f64
                    }
                };
                if let Some(slots) = order.get_mut(layer) {
                    slots.sort_by(|a, b| aim(a).total_cmp(&aim(b)));
                }
            }
        }
        order
    }

    /// Every layer stands in the middle.
    fn place(&mut self, order: &[Vec<usize>]) {
        let width_of = |slots: &[Slot], layer: &[usize]| -> f64 {
            let widths = layer
                .iter()
                .filter_map(|slot| slots.get(*slot))
                .map(|slot| slot.width);
            widths.sum::<f64>() + GAP * layer.len().saturating_sub(1) as f64
        };
        let widest = order
            .iter()
            .map(|layer| width_of(&self.slots, layer))
            .fold(0.0, f64::max);
        self.width = (LEFT + widest + 30.0).max(LEAST);
        self.crossing = (self.width / 18.0).clamp(CROSSING.0, CROSSING.1);
        let middle = f64::midpoint(LEFT, self.width - 30.0);
        for layer in order {
            let mut x = middle - width_of(&self.slots, layer) / 2.0;
            for slot in layer {
                if let Some(slot) = self.slots.get_mut(*slot) {
                    slot.x = x + slot.width / 2.0;
                    x += slot.width + GAP;
                }
            }
        }
    }

    fn x(&self, slot: usize) -> f64 {
        self.slots.get(slot).map_or(0.0, |slot| slot.x)
    }

    /// The ports of a side stand in the order of what they lead to.
    fn place_ports(&mut self, ties: &[Tie]) {
        let mut sides = BTreeMap::<(usize, bool), Vec<Port>>::new();
        for (from, to) in self.pieces(ties) {
            for port in [from, to] {
                sides.entry((port.slot, port.below)).or_default().push(port);
            }
        }
        for ((slot, _), mut ports) in sides {
            ports.sort_by(|a, b| self.x(a.far).total_cmp(&self.x(b.far)));
            let all: f64 = ports.iter().map(|port| self.port_width(*port, ties)).sum();
            let mut x = self.x(slot) - all / 2.0;
            for port in ports {
                let width = self.port_width(port, ties);
                self.ports.insert(port, x + width / 2.0);
                x += width;
            }
        }
    }

    /// How far down each layer is: below it bend the links within it, then come words, crossings, words.
    fn stack(&mut self, ties: &[Tie]) {
        let mut y = TOP;
        for layer in 0..self.kinds.len() {
            self.tops.push(y);
            y += BOX;
            let is_here = |place: usize| self.slots.get(place).is_some_and(|slot| slot.layer == layer);
            let mut within: Vec<(usize, f64)> = (ties.iter().enumerate())
                .filter(|(_, tie)| is_here(tie.upper) && is_here(tie.lower))
                .map(|(number, tie)| (number, (self.x(tie.upper) - self.x(tie.lower)).abs()))
                .collect();
            within.sort_by(|a, b| a.1.total_cmp(&b.1));
            for (track, (number, _)) in within.iter().enumerate() {
                self.tracks.insert(*number, track);
            }
            y += TRACK * within.len() as f64;
            if layer + 1 < self.kinds.len() {
                y += WORDS + self.crossing + WORDS;
            }
        }
        self.height = y + if self.kinds.is_empty() { 60.0 } else { 40.0 } + 50.0;
    }

    fn port(&self, port: Port) -> f64 {
        self.ports
            .get(&port)
            .copied()
            .unwrap_or_else(|| self.x(port.slot))
    }

    fn top(&self, slot: usize) -> f64 {
        let layer = self.slots.get(slot).map_or(0, |slot| slot.layer);
        self.tops.get(layer).copied().unwrap_or_default()
    }

    /// Both ends of a link that is within a layer, and how deep it bends.
    fn bend(&self, number: usize, tie: &Tie) -> Option<(f64, f64, f64)> {
        let track = *self.tracks.get(&number)?;
        let end = |slot, far| {
            self.port(Port {
                slot,
                below: true,
                tie: number,
                far,
            })
        };
        let depth = self.top(tie.upper) + BOX + TRACK * track as f64 + 22.0;
        Some((end(tie.upper, tie.lower), end(tie.lower, tie.upper), depth))
    }

    fn line(&self, out: &mut String, number: usize, tie: &Tie) {
        let color = color(tie.health);
        let dashes = match tie.health {
            Health::Good => "",
            Health::Troubled => " stroke-dasharray=\"2 4\"",
            Health::Silent => " stroke-dasharray=\"8 5\"",
        };
        let mut path = String::new();
        let (sends_down, sends_up) = (tie.down != SendsWord::default(), tie.up != SendsWord::default());
        if let Some((from, to, depth)) = self.bend(number, tie) {
            let bottom = self.top(tie.upper) + BOX;
            let _ = write!(path, "M{from:.1} {bottom:.1}V{depth:.1}H{to:.1}V{bottom:.1}");
            head(out, (from, bottom), 1.0, color, sends_up);
            head(out, (to, bottom), 1.0, color, sends_down);
        } else if let Some(chain) = self.chains.get(number) {
            for (place, pair) in chain.windows(2).enumerate() {
                let [upper, lower] = *pair else { continue };
                let from = Port {
                    slot: upper,
                    below: true,
                    tie: number,
                    far: lower,
                };
                let to = Port {
                    slot: lower,
                    below: false,
                    tie: number,
                    far: upper,
                };
                let (x0, x1) = (self.port(from), self.port(to));
                let (y0, y1) = (self.top(upper) + BOX, self.top(lower));
                let (end, begin) = (y1 - WORDS, y1 - WORDS - self.crossing);
                let middle = f64::midpoint(begin, end);
                let start = if place == 0 { 'M' } else { 'L' };
                let _ = write!(
                    path,
                    "{start}{x0:.1} {y0:.1}V{begin:.1}C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {end:.1}V{y1:.1}"
                );
                if place == 0 {
                    head(out, (x0, y0), 1.0, color, sends_up);
                }
                if lower == tie.lower {
                    head(out, (x1, y1), -1.0, color, sends_down);
                }
            }
        }
        let _ = writeln!(
            out,
            "  <path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.6\"{dashes}/>"
        );
    }

    fn label(&self, out: &mut String, number: usize, tie: &Tie) {
        let ways = match (self.is_within(tie), self.x(tie.upper) < self.x(tie.lower)) {
            (false, _) => ('↓', '↑'),
            (true, true) => ('→', '←'),
            (true, false) => ('←', '→'),
        };
        let low = self.low.get(number).copied().unwrap_or(true);
        let said = said(tie, ways);
        let high = LINE * said.len() as f64;
        // The middle of the words.
        let (x, y) = if let Some((from, to, depth)) = self.bend(number, tie) {
            (f64::midpoint(from, to), depth + 4.0 + high / 2.0)
        } else {
            let chain = self.chains.get(number).map(Vec::as_slice).unwrap_or_default();
            match chain {
                [upper, next, ..] if !low => {
                    let port = Port {
                        slot: *upper,
                        below: true,
                        tie: number,
                        far: *next,
                    };
                    // Below whatever bends within that layer.
                    let top = self.top(*next) - WORDS - self.crossing - WORDS;
                    (self.port(port), top + WORDS / 2.0 + 3.0)
                }
                [.., before, lower] => {
                    let port = Port {
                        slot: *lower,
                        below: false,
                        tie: number,
                        far: *before,
                    };
                    (self.port(port), self.top(*lower) - WORDS / 2.0 - 3.0)
                }
                _ => return,
            }
        };
        let width = label_width(tie);
        let _ = writeln!(
            out,
            "  <rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{high:.1}\" fill=\"#fff\"/>",
            x - width / 2.0,
            y - high / 2.0,
        );
        for (place, line) in said.iter().enumerate() {
            let base = y - high / 2.0 + LINE * place as f64 + 11.0;
            let last = place + 1 == said.len();
            let color = if last { color(tie.health) } else { "#111" };
            words(out, (x, base), (11, "middle", color, last), line);
        }
    }
}

/// Where each slot stands in its layer, from 0 to 1.
fn placed(order: &[Vec<usize>]) -> BTreeMap<usize, f64> {
    let mut places = BTreeMap::new();
    for layer in order {
        for (place, slot) in layer.iter().enumerate() {
            places.insert(*slot, (place as f64 + 0.5) / layer.len() as f64);
        }
    }
    places
}

/// What stands on a link: what goes which way, and how well.
fn said(tie: &Tie, (down, up): (char, char)) -> Vec<String> {
    let mut said = Vec::new();
    for (way, sends) in [(down, tie.down), (up, tie.up)] {
        if sends != SendsWord::default() {
            said.push(format!("{way} {}", sent(sends)));
        }
    }
    said.push(tie.health.words().to_owned());
    said
}

fn label_width(tie: &Tie) -> f64 {
    let widths = said(tie, ('↓', '↑'))
        .iter()
        .map(|line| long(line, 11.0))
        .fold(0.0, f64::max);
    widths + 10.0
}

const fn color(health: Health) -> &'static str {
    match health {
        Health::Good => "#1a6b2f",
        Health::Troubled => "#b3261e",
        Health::Silent => "#8a5a00",
    }
}

/// The tip of an arrow at the end of a link, where something arrives.
fn head(out: &mut String, (x, y): (f64, f64), away: f64, color: &str, is_there: bool) {
    if is_there {
        let back = y + away * 10.0;
        let _ = writeln!(
            out,
            "  <path d=\"M{x:.1} {y:.1}L{:.1} {back:.1}H{:.1}z\" fill=\"{color}\"/>",
            x - 5.0,
            x + 5.0
        );
    }
}

fn shortened(name: &str) -> String {
    let name = harmless(name);
    if name.chars().count() <= LONGEST {
        return name;
    }
    name.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn name_width(node: &NodeView) -> f64 {
    let name = long(&shortened(&node.name), 15.0) * HEAVY;
    let width = name.max(long(&beside(node), 11.0)) + 30.0;
    width.max(130.0)
}

fn body(out: &mut String, slot: &Slot, top: f64, node: &NodeView) {
    let (fill, stroke, border) = if node.mine {
        ("#d9e6f7", "#1f4e8c", 2.0)
    } else {
        ("#fff", "#555", 1.2)
    };
    let _ = writeln!(
        out,
        "  <g>\n  <title>{}</title>\n  <rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{BOX:.1}\" rx=\"6\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{border}\"/>",
        escaped(&harmless(&node.name)),
        slot.x - slot.width / 2.0,
        slot.width
    );
    words(
        out,
        (slot.x, top + 22.0),
        (15, "middle", "#111", true),
        &shortened(&node.name),
    );
    words(
        out,
        (slot.x, top + 39.0),
        (11, "middle", "#444", false),
        &beside(node),
    );
    out.push_str("  </g>\n");
}

fn legend(out: &mut String, y: f64) {
    let mut x = 24.0;
    for health in [Health::Good, Health::Silent, Health::Troubled] {
        let color = color(health);
        let (dashes, what) = match health {
            Health::Good => ("", "in order"),
            Health::Silent => (" stroke-dasharray=\"8 5\"", "silent: not heard for two weeks"),
            Health::Troubled => (" stroke-dasharray=\"2 4\"", "needs attention: see caucus map"),
        };
        let _ = writeln!(
            out,
            "  <path d=\"M{x:.1} {:.1}h34\" stroke=\"{color}\" stroke-width=\"1.6\"{dashes}/>",
            y - 4.0
        );
        words(out, (x + 42.0, y), (11, "start", color, false), what);
        x += 42.0 + long(what, 11.0) + 28.0;
    }
}

/// A line of words: where, how large and how, and which.
fn words(
    out: &mut String,
    (x, y): (f64, f64),
    (size, anchor, color, heavy): (u8, &str, &str, bool),
    text: &str,
) {
    let weight = if heavy { " font-weight=\"bold\"" } else { "" };
    let _ = writeln!(
        out,
        "  <text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{color}\"{weight}>{}</text>",
        escaped(&harmless(text))
    );
}

/// About how long words are, in whichever font there is: rather too long.
fn long(text: &str, size: f64) -> f64 {
    let of = |letter: char| match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.36,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.74,
        '<' | '>' | '=' | '+' | '&' => 0.84,
        '\0'..='\u{ff}' => 0.62,
        '\u{1100}'.. => 1.05,
        _ => 0.75,
    };
    text.chars().map(of).sum::<f64>() * size
}

#[cfg(test)]
mod tests {
    use super::super::map::tests::{edge, node};
    use super::*;

    #[test]
    fn a_map_of_nobody_and_of_one_is_a_picture_too() {
        let none = picture(&[], &[], "2026-11-24");
        assert!(none.starts_with("<svg ") && none.ends_with("</svg>\n"), "{none}");
        assert!(none.contains("No body yet.") && none.contains("2026-11-24"));
        let one = picture(&[node("North", "cell", true)], &[], "2026-11-24");
        assert!(one.contains(">North</text>") && one.contains(">Cells</text>"));
        assert!(!one.contains("Committees") && !one.contains("NaN"), "{one}");
    }

    #[test]
    fn a_name_is_never_markup_and_nothing_is_loaded_from_elsewhere() {
        let hostile = "</text><script>&\"\u{202e}\u{1b}";
        let nodes = [node(hostile, "committee", false), node("North", "cell", true)];
        let text = picture(&nodes, &[edge("North", hostile, "r", "ad", "good")], "2026-11-24");
        assert!(!text.contains("<script"), "{text}");
        assert!(
            text.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot;\\u{202e}\\u{1b}"),
            "{text}"
        );
        for outside in ["href", "url(", "@import", "<image", "<style", "onload"] {
            assert!(!text.contains(outside), "{outside}");
        }
        assert_eq!(text.matches("http").count(), 1, "the namespace only");
        assert_eq!(text.matches("<g>").count(), text.matches("</g>").count());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn links_say_what_goes_which_way_and_how_well_in_words() {
        let nodes = [
            node("City", "committee", false),
            node("East", "chapter", true),
            node("North", "cell", true),
            node("South", "cell", false),
        ];
        let edges = [
            edge("East", "City", "r", "ad", "silent"),
            edge("North", "East", "", "a", "good"),
            edge("North", "City", "r", "", "troubled"),
            edge("North", "South", "a", "a", "good"),
        ];
        let text = picture(&nodes, &edges, "2026-11-24");
        for said in [
            ">↓ announcements, directives</text>",
            ">↑ reports</text>",
            ">↓ announcements</text>",
            ">→ announcements</text>",
            ">← announcements</text>",
            ">silent</text>",
            ">needs attention</text>",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        // A tip where something arrives: two, one, one and two.
        assert_eq!(text.matches("z\" fill=").count(), 6);
        assert!(text.find(">City<") < text.find(">East<") && text.find(">East<") < text.find(">North<"));
    }

    #[test]
    fn no_box_meets_another_and_none_leaves_the_picture() {
        let mut nodes = vec![node("City", "committee", true)];
        let mut edges = Vec::new();
        for number in 0..9 {
            let name = format!("Chapter of the long street {number}");
            nodes.push(node(&name, "chapter", number % 2 == 0));
            edges.push(edge("City", &name, "ad", "r", "good"));
        }
        for number in 0..6 {
            let name = format!("Cell {number}");
            nodes.push(node(&name, "cell", true));
            edges.push(edge(&name, "City", "r", "ad", "good"));
            edges.push(edge(&name, "Chapter of the long street 0", "r", "", "good"));
        }
        let ties = ties(&nodes, &edges);
        let plan = Plan::of(&nodes, &ties);
        if let Some(file) = std::env::var_os("CAUCUS_SAMPLE_LARGE") {
            std::fs::write(file, picture(&nodes, &edges, "2026-11-24")).unwrap();
        }
        for (place, a) in plan.slots.iter().enumerate() {
            assert!(a.x - a.width / 2.0 >= LEFT - 0.1 && a.x + a.width / 2.0 <= plan.width);
            for b in plan.slots.iter().skip(place + 1).filter(|b| b.layer == a.layer) {
                assert!((a.x - b.x).abs() + 0.1 >= f64::midpoint(a.width, b.width) + GAP);
            }
        }
        assert_eq!(
            plan.slots.len(),
            nodes.len() + 6,
            "each that passes a layer has a place in it"
        );
    }

    #[test]
    fn within_a_layer_an_arrow_points_from_whoever_sends_wherever_that_stands() {
        let nodes = [
            node("City", "committee", false),
            node("A", "cell", true),
            node("B", "cell", true),
        ];
        // What A sends goes to B, whichever of both stands on the left.
        let send = [edge("A", "B", "d", "", "good")];
        for (name, way) in [("A", "←"), ("B", "→")] {
            let mut edges = send.to_vec();
            edges.push(edge(name, "City", "", "a", "good"));
            let ties = ties(&nodes, &edges);
            let mut plan = Plan::of(&nodes, &ties);
            let (a, b) = if way == "→" {
                (200.0, 500.0)
            } else {
                (500.0, 200.0)
            };
            plan.slots[1].x = a;
            plan.slots[2].x = b;
            let number = ties.iter().position(|tie| tie.upper == 1).unwrap();
            let mut out = String::new();
            plan.label(&mut out, number, &ties[number]);
            assert!(out.contains(&format!("{way} directives")), "{out}");
        }
    }

    /// `CAUCUS_SAMPLE=map.svg cargo nextest run -E 'test(a_sample_is_drawn)'` draws one to look at.
    #[test]
    fn a_sample_is_drawn_where_one_is_asked_for() {
        let nodes = [
            node("City Committee", "committee", false),
            node("Press Committee", "committee", false),
            node("Eastside Tenants' Union", "chapter", true),
            node("Harbour & Docks <old>", "chapter", false),
            node("West", "chapter", false),
            node("Elm Street", "cell", true),
            node("Linden Court", "cell", true),
            node("Mutual Aid Kitchen", "cell", false),
        ];
        let edges = [
            edge("Eastside Tenants' Union", "City Committee", "r", "ad", "good"),
            edge("Eastside Tenants' Union", "Press Committee", "adr", "a", "silent"),
            edge("Eastside Tenants' Union", "Elm Street", "ad", "r", "good"),
            edge("Elm Street", "Eastside Tenants' Union", "r", "ad", "good"),
            edge("Linden Court", "Eastside Tenants' Union", "r", "ad", "troubled"),
            edge("Elm Street", "Mutual Aid Kitchen", "a", "a", "good"),
            edge("Linden Court", "City Committee", "", "a", "good"),
            edge("Eastside Tenants' Union", "West", "a", "a", "silent"),
            edge("Linden Court", "Harbour & Docks <old>", "r", "a", "good"),
        ];
        let text = picture(&nodes, &edges, "2026-11-24");
        assert_eq!(text.matches("<title>").count(), 1 + nodes.len());
        if let Some(file) = std::env::var_os("CAUCUS_SAMPLE") {
            std::fs::write(file, text).unwrap();
        }
    }
}
