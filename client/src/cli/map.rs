//! `caucus map`: the bodies that one knows of, and the links between them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::chart;
use super::console::{Piece, bold, dim, plain, warn};
use super::failure::Failure;
use super::link::sent;
use super::session::Session;
use super::{ending, time};
use crate::app::{Answer, EdgeView, Intent, NodeView, SendsWord};

/// Letters of a body's id that people compare.
const LETTERS: usize = 12;

/// Show the bodies that you know of: yours, whom they are linked with, and what goes which way
///
/// You see your own bodies and those that they are linked with, nothing beyond: nobody sees the whole.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  caucus map\n  caucus map --svg map.svg")]
pub(super) struct Map {
    /// Draw it as a picture too, into this new file: SVG, to look at in a browser and to print
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// How well a link works, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Health {
    /// All is well.
    Good,
    /// Something should be looked at.
    Troubled,
    /// The other body was not heard for long.
    Silent,
}

impl Health {
    fn of(word: &str) -> Self {
        match word {
            "good" => Self::Good,
            "silent" => Self::Silent,
            _ => Self::Troubled,
        }
    }

    /// In words.
    #[must_use]
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Good => "in order",
            Self::Troubled => "needs attention",
            Self::Silent => "silent",
        }
    }
}

/// Two bodies that are linked. Where both are one's own, both of their views of it are one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tie {
    /// Place of the one that stands further up, or before.
    pub(super) upper: usize,
    /// Place of the other.
    pub(super) lower: usize,
    /// What the upper may send.
    pub(super) down: SendsWord,
    /// What the lower may send.
    pub(super) up: SendsWord,
    /// How well it works.
    pub(super) health: Health,
    /// What a person should know, in words.
    pub(super) warnings: Vec<String>,
}

/// The links, each once.
#[must_use]
pub(super) fn ties(nodes: &[NodeView], edges: &[EdgeView]) -> Vec<Tie> {
    let place = |id: &str| nodes.iter().position(|node| node.id == id);
    let mut ties = Vec::<Tie>::new();
    for edge in edges {
        let (Some(from), Some(to)) = (place(&edge.from), place(&edge.to)) else {
            continue;
        };
        let (down, up) = if from < to {
            (edge.we, edge.they)
        } else {
            (edge.they, edge.we)
        };
        let (upper, lower) = (from.min(to), from.max(to));
        let health = Health::of(&edge.health);
        match ties
            .iter_mut()
            .find(|tie| (tie.upper, tie.lower) == (upper, lower))
        {
            Some(tie) => {
                tie.down = both(tie.down, down);
                tie.up = both(tie.up, up);
                tie.health = tie.health.max(health);
                tie.warnings.extend(edge.warnings.iter().cloned());
            }
            None => ties.push(Tie {
                upper,
                lower,
                down,
                up,
                health,
                warnings: edge.warnings.clone(),
            }),
        }
    }
    ties.sort_by_key(|tie| (tie.upper, tie.lower));
    ties
}

const fn both(a: SendsWord, b: SendsWord) -> SendsWord {
    SendsWord {
        announcements: a.announcements || b.announcements,
        directives: a.directives || b.directives,
        reports: a.reports || b.reports,
    }
}

/// What bodies of a kind are called together.
#[must_use]
pub(super) fn group(kind: &str) -> &'static str {
    match kind {
        "committee" => "Committees",
        "chapter" => "Chapters",
        _ => "Cells",
    }
}

/// What stands beside the name of a body.
#[must_use]
pub(super) fn beside(node: &NodeView) -> String {
    let people = node.people.map_or_else(String::new, |count| match count {
        1 => ", 1 person".to_owned(),
        count => format!(", {count} people"),
    });
    if node.mine {
        format!("yours{people}")
    } else {
        "another body".to_owned()
    }
}

impl Map {
    pub(super) fn run(self, session: &mut Session) -> Result<u8, Failure> {
        let answer = session.ask(&Intent::Map {})?;
        if let (Some(file), Answer::Map { nodes, edges }) = (&self.svg, &answer) {
            written(file, &chart::picture(nodes, edges, &time::day(session.now)))?;
        }
        ending::show(session, answer, |session, answer| {
            let Answer::Map { nodes, edges } = answer else {
                return Err(Session::unexpected(&answer));
            };
            for line in drawn(&nodes, &edges) {
                session.console.line(line)?;
            }
            session.console.flush()?;
            if let Some(file) = &self.svg {
                session.console.remark(&format!(
                    "The picture is in {}: keep it as you keep a list of members.",
                    file.display()
                ));
            } else if let Some(next) = next(&nodes, &edges) {
                session.console.remark(next);
            }
            Ok(())
        })
    }
}

const fn next(nodes: &[NodeView], edges: &[EdgeView]) -> Option<&'static str> {
    if nodes.is_empty() {
        return Some("  next: found one with `caucus found cell NAME`, or join one with `caucus join`");
    }
    if edges.is_empty() {
        return Some("  next: `caucus link offer --help` tells how to link a body with another");
    }
    None
}

/// Nothing that is there is overwritten.
fn written(file: &Path, picture: &str) -> Result<(), Failure> {
    let open = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    open.and_then(|mut open| open.write_all(picture.as_bytes()))
        .map_err(|error| {
            Failure::bad_input(
                format!("the map cannot be written to {}: {error}", file.display()),
                "give the name of a file that is not there yet",
            )
        })
}

/// The map as lines of text.
fn drawn(nodes: &[NodeView], edges: &[EdgeView]) -> Vec<Vec<Piece<'static>>> {
    if nodes.is_empty() {
        return vec![vec![plain("You are in no body yet.")]];
    }
    let ties = ties(nodes, edges);
    let (mut lines, mut last) = (Vec::new(), "");
    for (place, node) in nodes.iter().enumerate() {
        let title = group(&node.kind);
        if title != last {
            if !last.is_empty() {
                lines.push(Vec::new());
            }
            lines.push(vec![bold(title)]);
            last = title;
        }
        let id: String = node.id.chars().take(LETTERS).collect();
        lines.push(vec![
            plain("  "),
            bold(node.name.clone()),
            plain(format!("  {}", beside(node))),
            dim(format!("  id {id}")),
        ]);
        let mut alone = true;
        for tie in ties.iter().filter(|tie| tie.upper == place || tie.lower == place) {
            alone = false;
            let (other, out, back) = if tie.upper == place {
                (tie.lower, tie.down, tie.up)
            } else {
                (tie.upper, tie.up, tie.down)
            };
            let other = nodes
                .get(other)
                .map_or_else(String::new, |node| node.name.clone());
            lines.extend(linked(&other, out, back, tie, node.mine));
        }
        if alone {
            lines.push(vec![dim("    linked with nobody")]);
        }
    }
    lines
}

/// One link, as a body sees it. What is to be known of it is told once, with one's own body.
fn linked(other: &str, out: SendsWord, back: SendsWord, tie: &Tie, tells: bool) -> Vec<Vec<Piece<'static>>> {
    let way = match (out == SendsWord::default(), back == SendsWord::default()) {
        (false, true) => "-->",
        (true, false) => "<--",
        _ => "<->",
    };
    let health = match tie.health {
        Health::Good => dim(tie.health.words()),
        _ => warn(tie.health.words()),
    };
    let mut words = Vec::new();
    if out != SendsWord::default() {
        words.push(format!("sends {}", sent(out)));
    }
    if back != SendsWord::default() {
        words.push(format!("gets {}", sent(back)));
    }
    let mut lines = vec![vec![
        plain(format!("    {way} ")),
        plain(other.to_owned()),
        plain(format!(": {}; ", words.join("; "))),
        health,
    ]];
    let warnings = tie.warnings.iter().filter(|_| tells);
    lines.extend(warnings.map(|words| vec![plain("        "), warn(format!("! {words}"))]));
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A body of a map.
    pub(in crate::cli) fn node(name: &str, kind: &str, mine: bool) -> NodeView {
        NodeView {
            id: format!("{name}0123456789abcdef"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            mine,
            people: mine.then_some(7),
        }
    }

    /// A link of it: what the first sends, what the second does, by first letters.
    pub(in crate::cli) fn edge(from: &str, to: &str, we: &str, they: &str, health: &str) -> EdgeView {
        let sends = |letters: &str| SendsWord {
            announcements: letters.contains('a'),
            directives: letters.contains('d'),
            reports: letters.contains('r'),
        };
        EdgeView {
            from: format!("{from}0123456789abcdef"),
            to: format!("{to}0123456789abcdef"),
            we: sends(we),
            they: sends(they),
            health: health.to_owned(),
            warnings: match health {
                "silent" => vec!["it was not heard for two weeks".to_owned()],
                _ => Vec::new(),
            },
        }
    }

    fn text(nodes: &[NodeView], edges: &[EdgeView]) -> String {
        let line = |line: Vec<Piece<'_>>| -> String {
            let words: String = line.iter().map(|Piece(_, text)| text.as_ref()).collect();
            format!("{words}\n")
        };
        drawn(nodes, edges).into_iter().map(line).collect()
    }

    #[test]
    fn a_map_says_who_is_linked_with_whom_and_what_goes_which_way() {
        let nodes = [
            node("City", "committee", false),
            node("East", "chapter", true),
            node("North", "cell", true),
        ];
        let edges = [
            edge("East", "City", "r", "ad", "silent"),
            edge("East", "North", "a", "", "good"),
            edge("North", "East", "", "a", "good"),
        ];
        assert_eq!(
            text(&nodes, &edges),
            "\
Committees
  City  another body  id City01234567
    <-> East: sends announcements, directives; gets reports; silent

Chapters
  East  yours, 7 people  id East01234567
    <-> City: sends reports; gets announcements, directives; silent
        ! it was not heard for two weeks
    --> North: sends announcements; in order

Cells
  North  yours, 7 people  id North0123456
    <-- East: gets announcements; in order
"
        );
    }

    #[test]
    fn a_map_of_nobody_and_of_one_says_so_and_what_to_do() {
        assert_eq!(text(&[], &[]), "You are in no body yet.\n");
        assert!(next(&[], &[]).unwrap().contains("caucus found"));
        let one = [node("North", "cell", true)];
        assert_eq!(
            text(&one, &[]),
            "Cells\n  North  yours, 7 people  id North0123456\n    linked with nobody\n"
        );
        assert!(next(&one, &[]).unwrap().contains("caucus link offer"));
    }

    #[test]
    fn a_link_between_two_bodies_of_ones_own_is_one_and_as_bad_as_either_sees_it() {
        let nodes = [node("City", "committee", true), node("North", "cell", true)];
        let edges = [
            edge("North", "City", "r", "a", "good"),
            edge("City", "North", "ad", "r", "silent"),
        ];
        let found = ties(&nodes, &edges);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (sent(found[0].down), sent(found[0].up)),
            ("announcements, directives".to_owned(), "reports".to_owned())
        );
        assert_eq!(found[0].health, Health::Silent);
        assert_eq!(ties(&nodes, &[edge("North", "Nowhere", "a", "", "good")]), []);
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("map.svg");
        written(&file, "one").unwrap();
        assert!(written(&file, "two").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    }
}
