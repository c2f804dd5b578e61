//! Directives: what other bodies ask of one's own, and what became of what one's own asked of others.

use std::collections::BTreeMap;

use caucus_proto::id::Minutes;
use caucus_proto::org::between::{
    Answer as DirectiveAnswer, Decision, Field, FieldKind, Link, LinkStep, Order, Progress, Raise, Raised,
    Value,
};
use caucus_proto::org::{Deed, How, Power, State};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, InboxItem};
use super::app::PATIENCE;
use super::attachments::wanted;
use super::feed::{FileLine, ItemView, item_view};
use super::links::named;
use super::membership::done_or_queued;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, LiveRoom, Room, linked_name, raise_word};

/// A directive of another body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DirectiveView {
    /// What it says.
    #[serde(flatten)]
    pub item: ItemView,
    /// How far one's own body is: `received`, `acknowledged`, `adopted`, `declined`, `carried_out`, `reported`.
    pub stage: String,
    /// When it came to that, in minutes since 1970-01-01T00:00Z.
    pub since: u64,
    /// Why it was declined, or what was reported in words.
    pub words: String,
    /// It is to be acknowledged, or done, and that is late.
    pub late: bool,
    /// Everybody decides whether it is adopted.
    pub by_poll: bool,
}

/// How far one body is with a directive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BoardRow {
    /// Which body.
    pub body: String,
    /// `not_received`, `received`, `acknowledged`, `adopted`, `declined`, `carried_out`, `reported`.
    pub stage: String,
    /// When it came to that, in minutes since 1970-01-01T00:00Z.
    pub since: Option<u64>,
    /// Why it was declined, or what was reported in words.
    pub words: String,
    /// What it reported, by the fields of the form.
    pub values: Vec<String>,
    /// Files that go with the report.
    #[serde(default)]
    pub files: Vec<FileLine>,
    /// It is to be acknowledged, or done, and that is late.
    pub late: bool,
    /// The link has ended.
    pub ended: bool,
}

/// What was reported in a field, over all bodies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SumView {
    /// What was asked.
    pub label: String,
    /// So many said something.
    pub answers: u64,
    /// The sum, where numbers were asked.
    pub sum: Option<i64>,
    /// How often each was said, where something was chosen.
    pub counts: Vec<(String, u64)>,
}

/// What became of a directive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BoardView {
    /// What it says.
    #[serde(flatten)]
    pub item: ItemView,
    /// By body.
    pub rows: Vec<BoardRow>,
    /// By field.
    pub sums: Vec<SumView>,
}

/// What a person does with a directive.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AnswerWord {
    /// Says that it was read.
    Acknowledge {},
    /// The body does it.
    Adopt {},
    /// It does not.
    Decline {
        /// Why.
        reason: String,
    },
    /// It is done.
    CarriedOut {},
    /// What came of it.
    Report {
        /// By label of the field.
        #[serde(default)]
        values: BTreeMap<String, String>,
        /// In words.
        #[serde(default)]
        text: String,
        /// Numbers of files of the body's governing room that go with it.
        #[serde(default)]
        files: Vec<u64>,
    },
}

/// What is raised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RaiseWord {
    /// The other body is asked to decide something.
    Motion,
    /// It is told something.
    Report,
    /// It is asked something.
    Question,
}

/// What was raised over a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RaisedView {
    /// Its number over that link.
    pub number: u32,
    /// One's own body.
    #[serde(default)]
    pub body: String,
    /// The other body.
    pub with: String,
    /// One's own body raised it.
    pub ours: bool,
    /// `motion`, `report` or `question`.
    pub kind: String,
    /// In words.
    pub text: String,
    /// When, in minutes since 1970-01-01T00:00Z.
    pub at: u64,
    /// By when an answer is owed; none for what asks for none.
    pub due: Option<u64>,
    /// The answer.
    pub reply: Option<String>,
    /// The answer is late.
    pub late: bool,
}

/// The stage that a body has come to, since when, and what it said in words.
fn stage(progress: &Progress) -> (&'static str, Option<Minutes>, String) {
    if let Some(report) = &progress.reported {
        return ("reported", Some(report.at), report.text.clone());
    }
    if let Some(at) = progress.carried_out {
        return ("carried_out", Some(at), String::new());
    }
    match (&progress.decided, progress.acknowledged, progress.received) {
        (Some((at, Decision::Adopted)), ..) => ("adopted", Some(*at), String::new()),
        (Some((at, Decision::Declined { reason })), ..) => ("declined", Some(*at), reason.clone()),
        (None, Some(at), _) => ("acknowledged", Some(at), String::new()),
        (None, None, Some(at)) => ("received", Some(at), String::new()),
        (None, None, None) => ("not_received", None, String::new()),
    }
}

/// Whether what is asked was to be acknowledged, or done, before now, and was not.
fn is_late(order: &Order, progress: &Progress, now: Minutes) -> bool {
    let over = |date: Option<Minutes>| date.is_some_and(|date| date < now);
    let declined = matches!(progress.decided, Some((_, Decision::Declined { .. })));
    let done = progress.carried_out.is_some() || progress.reported.is_some() || declined;
    (over(order.acknowledge) && progress.acknowledged.is_none()) || (over(order.due) && !done)
}

/// Directives of other bodies, of one body or of all, the latest first.
pub(super) fn list(engine: &Engine, body: Option<&str>, all: bool) -> Result<Answer, Problem> {
    let mut directives = Vec::new();
    for live in find::rooms(engine, body)? {
        let room = live.room();
        let state = room.state();
        for ((link, number), told) in &state.between.told {
            let Some(order) = told.item.as_ref().and_then(|item| item.order()) else {
                continue;
            };
            let (stage, since, words) = stage(&told.progress);
            let over = told.gone.is_some() || matches!(stage, "declined" | "reported");
            if over && !all {
                continue;
            }
            let Some(said) = &told.item else { continue };
            let mut item = item_view(said, *number, told.at.0, told.gone);
            item.from = linked_name(state, *link);
            item.heard_in = vec![view::room_name(&room)];
            directives.push(DirectiveView {
                item,
                stage: stage.to_owned(),
                since: since.map_or(0, |since| since.0),
                words,
                late: told.gone.is_none() && is_late(order, &told.progress, state.now()),
                by_poll: state.charter().between.directives == How::Poll,
            });
        }
    }
    directives.sort_by_key(|directive| std::cmp::Reverse(directive.item.at));
    Ok(Answer::Directives { directives })
}

/// The link and number of a directive that a person means: without a body it is the only one of that number.
pub(super) fn find_told(room: &Room, from: Option<&str>, number: u32) -> Result<u32, Problem> {
    if let Some(from) = from {
        return Ok(named(room, from)?);
    }
    let told = room.state().between.told.iter();
    let of: Vec<_> = told
        .filter(|((_, known), told)| {
            *known == number && told.item.as_ref().is_some_and(|item| item.order().is_some())
        })
        .map(|((link, _), _)| *link)
        .collect();
    match of.as_slice() {
        [link] => Ok(*link),
        [] => Err(Problem::new(
            Code::NotFound,
            format!("there is no directive {number}"),
            "see which there are with `caucus directives list`",
        )),
        _ => Err(Problem::new(
            Code::BadInput,
            format!("directive {number} could be of several bodies"),
            "say of which with --from BODY",
        )),
    }
}

/// Does something with a directive.
pub(super) async fn answer(
    engine: &Engine,
    body: &str,
    from: Option<&str>,
    number: u32,
    answer: AnswerWord,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let (link, answer) = {
        let room = live.room();
        let link = find_told(&room, from, number)?;
        let told = room.state().between.told.get(&(link, number));
        let order = told
            .and_then(|told| told.item.as_ref())
            .and_then(|item| item.order());
        (link, answer_of(&room, answer, order)?)
    };
    let step = LinkStep::Answer {
        link,
        directive: number,
        answer: Box::new(answer),
    };
    act(&live, step).await
}

async fn act(live: &LiveRoom, step: LinkStep) -> Result<Answer, Problem> {
    let fate = live
        .act(&Deed::Between { step: Box::new(step) }, PATIENCE)
        .await?;
    done_or_queued(live, fate)
}

fn answer_of(room: &Room, answer: AnswerWord, order: Option<&Order>) -> Result<DirectiveAnswer, Problem> {
    Ok(match answer {
        AnswerWord::Acknowledge {} => DirectiveAnswer::Acknowledged,
        AnswerWord::Adopt {} => DirectiveAnswer::Adopted,
        AnswerWord::Decline { reason } => DirectiveAnswer::Declined { reason },
        AnswerWord::CarriedOut {} => DirectiveAnswer::CarriedOut,
        AnswerWord::Report { values, text, files } => {
            let form = order.map(|order| order.form.as_slice()).unwrap_or_default();
            DirectiveAnswer::Reported {
                values: values_of(form, &values)?,
                text,
                files: (files.into_iter())
                    .map(|number| wanted(room, number))
                    .collect::<Result<_, _>>()?,
            }
        }
    })
}

fn values_of(form: &[Field], given: &BTreeMap<String, String>) -> Result<Vec<Value>, Problem> {
    let known = |label: &str| form.iter().any(|field| field.label.eq_ignore_ascii_case(label));
    if let Some(label) = given.keys().find(|label| !known(label)) {
        let labels: Vec<_> = form.iter().map(|field| field.label.as_str()).collect();
        return Err(Problem::new(
            Code::BadInput,
            format!("the form has no field \"{label}\""),
            format!("its fields are: {}", labels.join(", ")),
        ));
    }
    form.iter()
        .map(|field| {
            let mut of = given
                .iter()
                .filter(|(label, _)| label.eq_ignore_ascii_case(&field.label));
            of.next()
                .map_or(Ok(Value::Empty), |(_, text)| value_of(field, text))
        })
        .collect()
}

fn value_of(field: &Field, text: &str) -> Result<Value, Problem> {
    let wrong = |wants: String| {
        Problem::new(
            Code::BadInput,
            format!("\"{text}\" does not answer \"{}\"", field.label),
            format!("give {wants}"),
        )
    };
    Ok(match &field.kind {
        FieldKind::Text => Value::Text(text.to_owned()),
        FieldKind::Number => Value::Number(
            text.trim()
                .parse()
                .map_err(|_| wrong("a whole number".to_owned()))?,
        ),
        FieldKind::YesNo => match text.trim().to_lowercase().as_str() {
            "yes" | "y" | "true" => Value::YesNo(true),
            "no" | "n" | "false" => Value::YesNo(false),
            _ => return Err(wrong("yes or no".to_owned())),
        },
        FieldKind::Choice(choices) => {
            let place = choices
                .iter()
                .position(|choice| choice.eq_ignore_ascii_case(text.trim()));
            let place = place.and_then(|place| u8::try_from(place).ok());
            Value::Choice(place.ok_or_else(|| wrong(format!("one of: {}", choices.join(", "))))?)
        }
    })
}

fn value_words(field: &Field, value: &Value) -> String {
    match (&field.kind, value) {
        (_, Value::Empty) => String::new(),
        (_, Value::Text(text)) => text.clone(),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::YesNo(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        (FieldKind::Choice(choices), Value::Choice(place)) => {
            choices.get(usize::from(*place)).cloned().unwrap_or_default()
        }
        (_, Value::Choice(place)) => place.to_string(),
    }
}

/// What became of the directives of a body, or of one of them.
pub(super) fn board(engine: &Engine, body: &str, number: Option<u32>, all: bool) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let state = room.state();
    let wanted = |known: u32| number.is_none_or(|number| number == known);
    let mut boards = Vec::new();
    for (known, issued) in state.between.issued.iter().filter(|(known, _)| wanted(**known)) {
        let Some(order) = issued.item.order() else {
            continue;
        };
        if issued.gone.is_some() && !all && number.is_none() {
            continue;
        }
        let rows: Vec<_> = (state.between.links.iter())
            .filter(|(link, of)| is_for(state, *known, **link, of, &issued.to))
            .map(|(link, of)| row(state, order, (*known, *link), of))
            .collect();
        let reports: Vec<_> = (state.between.board.range((*known, 0)..=(*known, u32::MAX)))
            .filter_map(|(_, progress)| progress.reported.as_ref().map(|report| report.values.as_slice()))
            .collect();
        let mut item = item_view(&issued.item, *known, issued.at.0, issued.gone);
        item.from = state.genesis.label.to_string();
        item.by = Some(room.name_of(&issued.by));
        item.to = issued.to.iter().map(|link| linked_name(state, *link)).collect();
        boards.push(BoardView {
            item,
            rows,
            sums: order
                .form
                .iter()
                .enumerate()
                .map(|(place, field)| sum(field, place, &reports))
                .collect(),
        });
    }
    if boards.is_empty()
        && let Some(number) = number
    {
        return Err(Problem::new(
            Code::NotFound,
            format!("there is no directive {number} of this body"),
            "see which there are with `caucus directives board BODY`",
        ));
    }
    boards.reverse();
    Ok(Answer::Board {
        body: view::room_name(&room),
        boards,
    })
}

/// Whether a directive is for the body of a link, or was.
fn is_for(state: &State, directive: u32, number: u32, link: &Link, to: &[u32]) -> bool {
    let answered = state.between.board.contains_key(&(directive, number));
    let named = to.contains(&number);
    let all = to.is_empty() && link.we.directives && link.live().is_some();
    link.peer.is_some() && (answered || named || all)
}

fn row(state: &State, order: &Order, key: (u32, u32), link: &Link) -> BoardRow {
    let progress = state.between.board.get(&key).cloned().unwrap_or_default();
    let (stage, since, words) = stage(&progress);
    let values = progress.reported.iter().flat_map(|report| &report.values);
    let files = progress.reported.iter().flat_map(|report| &report.files);
    let ended = link.ended.is_some();
    BoardRow {
        body: linked_name(state, key.1),
        stage: stage.to_owned(),
        since: since.map(|since| since.0),
        words,
        values: order
            .form
            .iter()
            .zip(values)
            .map(|(field, value)| value_words(field, value))
            .collect(),
        files: files.map(FileLine::of).collect(),
        late: !ended && is_late(order, &progress, state.now()),
        ended,
    }
}

fn sum(field: &Field, place: usize, reports: &[&[Value]]) -> SumView {
    let values: Vec<_> = reports
        .iter()
        .filter_map(|values| values.get(place))
        .filter(|v| **v != Value::Empty)
        .collect();
    let numbers = values.iter().filter_map(|value| match value {
        Value::Number(number) => Some(*number),
        _ => None,
    });
    let words: Vec<String> = match &field.kind {
        FieldKind::YesNo => vec!["yes".to_owned(), "no".to_owned()],
        FieldKind::Choice(choices) => choices.clone(),
        FieldKind::Text | FieldKind::Number => Vec::new(),
    };
    let said = |word: &String| {
        values
            .iter()
            .filter(|value| value_words(field, value) == *word)
            .count() as u64
    };
    SumView {
        label: field.label.clone(),
        answers: values.len() as u64,
        sum: matches!(field.kind, FieldKind::Number).then(|| numbers.fold(0, i64::saturating_add)),
        counts: words.iter().map(|word| (word.clone(), said(word))).collect(),
    }
}

/// Raises something over a link.
pub(super) async fn raise(
    engine: &Engine,
    body: &str,
    to: &str,
    kind: RaiseWord,
    text: String,
    days: u16,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let link = named(&live.room(), to)?;
    let kind = match kind {
        RaiseWord::Motion => Raise::Motion,
        RaiseWord::Report => Raise::Report,
        RaiseWord::Question => Raise::Question,
    };
    act(
        &live,
        LinkStep::Raise {
            link,
            kind,
            text,
            days,
        },
    )
    .await
}

/// Answers what another body raised.
pub(super) async fn reply(
    engine: &Engine,
    body: &str,
    to: &str,
    number: u32,
    text: String,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let link = named(&live.room(), to)?;
    act(&live, LinkStep::Reply { link, number, text }).await
}

/// What was raised, to a body and by it.
pub(super) fn raised(engine: &Engine, body: Option<&str>, all: bool) -> Result<Answer, Problem> {
    let mut raised = Vec::new();
    for live in find::rooms(engine, body)? {
        let room = live.room();
        let state = room.state();
        for ((link, ours, number), of) in &state.between.raised {
            if all || (of.reply.is_none() && of.kind != Raise::Report) {
                raised.push(RaisedView {
                    body: view::room_name(&room),
                    ..raised_view(state, (*link, *ours, *number), of)
                });
            }
        }
    }
    raised.sort_by_key(|raised| raised.at);
    Ok(Answer::Raised { raised })
}

fn raised_view(state: &State, (link, ours, number): (u32, bool, u32), of: &Raised) -> RaisedView {
    let asks = of.kind != Raise::Report;
    RaisedView {
        number,
        body: String::new(),
        with: linked_name(state, link),
        ours,
        kind: raise_word(of.kind).to_owned(),
        text: of.text.clone(),
        at: of.at.0,
        due: asks.then_some(of.due.0),
        reply: of.reply.as_ref().map(|(_, text)| text.clone()),
        late: asks && of.reply.is_none() && of.due < state.now(),
    }
}

/// What waits for this person between bodies.
pub(super) fn waiting(room: &Room, body: &str) -> Vec<InboxItem> {
    let state = room.state();
    let mut items = Vec::new();
    if !room.holds(Power::Direct) {
        return items;
    }
    let by_poll = state.charter().between.directives == How::Poll;
    for ((link, number), told) in &state.between.told {
        let Some(order) = told
            .item
            .as_ref()
            .and_then(|item| item.order())
            .filter(|_| told.gone.is_none())
        else {
            continue;
        };
        let from = linked_name(state, *link);
        let (kind, what, verb) = match stage(&told.progress).0 {
            "received" => ("acknowledge", "Say that it was read", "acknowledge"),
            "acknowledged" if by_poll => ("directive", "Put it to the vote", "propose"),
            "acknowledged" => ("directive", "Adopt or decline it", "adopt"),
            "adopted" => ("directive", "Say when it is done", "done"),
            "carried_out" if !order.form.is_empty() => ("directive", "Report on it", "report"),
            _ => continue,
        };
        let due = if kind == "acknowledge" {
            order.acknowledge
        } else {
            order.due
        };
        let next = match verb {
            "propose" => format!("caucus propose directive \"{body}\" {number}"),
            verb => format!("caucus directives {verb} \"{body}\" {number}"),
        };
        items.push(InboxItem {
            kind: kind.to_owned(),
            body: body.to_owned(),
            what: format!("Directive {number} of {from}, \"{}\": {what}", order.title),
            next,
            due: due.map(|due| due.0),
        });
    }
    for ((link, ours, number), of) in &state.between.raised {
        if *ours || of.reply.is_some() || of.kind == Raise::Report {
            continue;
        }
        let from = linked_name(state, *link);
        items.push(InboxItem {
            kind: "reply".to_owned(),
            body: body.to_owned(),
            what: format!(
                "{from} waits for an answer to its {} {number}",
                raise_word(of.kind)
            ),
            next: format!("caucus answer \"{body}\" \"{from}\" {number}"),
            due: Some(of.due.0),
        });
    }
    items
}
