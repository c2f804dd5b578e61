//! Holds and cuts among two keyholders of whom one is a rogue: can the room be frozen?
//!
//! Time goes in rounds; the rogue moves first in each, and wins every race. A hold lasts three rounds; where a limit holds,
//! each control may hold once and cut once in six. An insider's garbage advance comes in every round in which appends are not
//! held, so a cut lands only under a hold of one's own. The honest keyholder's plain plan is a `stateright` model, whose
//! graph has no cycle (rounds only grow, and what landed stays landed), so that `eventually` says what it seems to say.
//! That *no* plan helps where a rule is missing is solved as a game of two, exactly, over the same rounds.

use std::collections::HashMap;

use stateright::{Checker, Model, Property};

const ROUNDS: u8 = 14;
const HOLD: u8 = 3;
const PERIOD: u8 = 6;

#[derive(Clone, Copy, Debug)]
struct Rules {
    hold_limited: bool,
    cut_limited: bool,
    /// A hold suspends the other controls too.
    binds: bool,
    /// A hold ends by itself.
    ends: bool,
}

const DESIGN: Rules = Rules {
    hold_limited: true,
    cut_limited: true,
    binds: false,
    ends: true,
};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Control {
    /// Rounds for which this control's hold is still in force.
    holds: u8,
    /// Rounds until it may hold, and cut, again.
    hold_wait: u8,
    cut_wait: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Room {
    round: u8,
    rogue: Control,
    honest: Control,
    cut_landed: bool,
    message_landed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Move {
    Pass,
    Hold,
    Cut,
}

const MOVES: [Move; 3] = [Move::Pass, Move::Hold, Move::Cut];

impl Control {
    fn may(&self, what: Move, other: &Control, rules: &Rules) -> bool {
        let free = !rules.binds || other.holds == 0;
        match what {
            Move::Pass => true,
            Move::Hold => free && (self.hold_wait == 0 || !rules.hold_limited),
            Move::Cut => free && (self.cut_wait == 0 || !rules.cut_limited),
        }
    }

    fn hold(&mut self) {
        self.holds = HOLD;
        self.hold_wait = PERIOD;
    }

    /// A hold ends with its cut.
    fn cut(&mut self) {
        self.holds = 0;
        self.cut_wait = PERIOD;
    }

    fn pass_round(&mut self, rules: &Rules) {
        if rules.ends {
            self.holds = self.holds.saturating_sub(1);
        }
        self.hold_wait = self.hold_wait.saturating_sub(1);
        self.cut_wait = self.cut_wait.saturating_sub(1);
    }
}

impl Room {
    fn play_rogue(mut self, rogue: Move, rules: &Rules) -> Option<(Room, bool)> {
        if !self.rogue.may(rogue, &self.honest, rules) {
            return None;
        }
        match rogue {
            Move::Pass => {}
            Move::Hold => self.rogue.hold(),
            Move::Cut => self.rogue.cut(),
        }
        Some((self, rogue == Move::Cut))
    }

    /// The honest move, in a round in which the rogue cut or not; then the round ends.
    fn play_honest(mut self, honest: Move, rogue_cut: bool, rules: &Rules) -> Option<Room> {
        if !self.honest.may(honest, &self.rogue, rules) {
            return None;
        }
        let advanced = self.honest.holds == 0 && self.rogue.holds == 0;
        match honest {
            Move::Pass => {}
            Move::Hold => self.honest.hold(),
            Move::Cut if rogue_cut || advanced => {}
            Move::Cut => {
                self.honest.cut();
                self.cut_landed = true;
            }
        }
        let quiet = self.honest.holds == 0 && self.rogue.holds == 0;
        self.message_landed |= quiet && !rogue_cut && honest != Move::Cut;
        self.rogue.pass_round(rules);
        self.honest.pass_round(rules);
        self.round += 1;
        Some(self)
    }

    /// Hold, then cut until it lands; afterwards leave the room in peace.
    fn plan(&self, rules: &Rules) -> Move {
        let wanted = match (self.cut_landed, self.honest.holds) {
            (true, _) => Move::Pass,
            (false, 0) => Move::Hold,
            (false, _) => Move::Cut,
        };
        if self.honest.may(wanted, &self.rogue, rules) {
            wanted
        } else {
            Move::Pass
        }
    }
}

const CUT_LANDS: &str = "a cut of the honest keyholder lands";
const MESSAGE_LANDS: &str = "a message lands";

impl Model for Rules {
    type State = Room;
    type Action = Move;

    fn init_states(&self) -> Vec<Room> {
        vec![Room::default()]
    }

    fn actions(&self, room: &Room, moves: &mut Vec<Move>) {
        if room.round < ROUNDS {
            moves.extend(MOVES);
        }
    }

    fn next_state(&self, room: &Room, rogue: Move) -> Option<Room> {
        let (room, rogue_cut) = room.play_rogue(rogue, self)?;
        room.play_honest(room.plan(self), rogue_cut, self)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::eventually(CUT_LANDS, |_, room: &Room| room.cut_landed),
            Property::eventually(MESSAGE_LANDS, |_, room: &Room| room.message_landed),
        ]
    }
}

/// Whether some honest plan brings the goal about, whatever the rogue does.
fn forced(rules: &Rules, room: Room, goal: fn(&Room) -> bool, known: &mut HashMap<Room, bool>) -> bool {
    if goal(&room) {
        return true;
    }
    if room.round == ROUNDS {
        return false;
    }
    if let Some(answer) = known.get(&room) {
        return *answer;
    }
    let answer = MOVES
        .iter()
        .filter_map(|rogue| room.play_rogue(*rogue, rules))
        .all(|(after, cut)| {
            MOVES
                .iter()
                .filter_map(|honest| after.play_honest(*honest, cut, rules))
                .any(|next| forced(rules, next, goal, known))
        });
    known.insert(room, answer);
    answer
}

/// Whether a cut, and whether a message, can be forced.
fn can_force(rules: Rules) -> (bool, bool) {
    let cut = forced(&rules, Room::default(), |r| r.cut_landed, &mut HashMap::new());
    let message = forced(&rules, Room::default(), |r| r.message_landed, &mut HashMap::new());
    (cut, message)
}

#[test]
fn a_hold_does_not_freeze_a_room_where_each_control_holds_and_cuts_once_a_period() {
    let checker = DESIGN.checker().spawn_bfs().join();
    println!(
        "hold: {} states, depth {}",
        checker.unique_state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
    assert_eq!(
        can_force(DESIGN),
        (true, true),
        "the plain plan is one that wins the game"
    );
    assert_eq!(
        can_force(Rules {
            binds: true,
            ..DESIGN
        }),
        (true, true),
        "nor where a hold binds the other control"
    );
}

#[test]
fn mutant_a_hold_that_binds_other_controls_for_ever_freezes_the_room() {
    let mutant = Rules {
        binds: true,
        ends: false,
        ..DESIGN
    };
    let checker = mutant.checker().spawn_bfs().join();
    checker.assert_any_discovery(CUT_LANDS);
    checker.assert_any_discovery(MESSAGE_LANDS);
    assert_eq!(can_force(mutant), (false, false), "and no other plan helps");
}

#[test]
fn mutant_cuts_without_a_limit_leave_neither_a_cut_nor_a_message() {
    let mutant = Rules {
        cut_limited: false,
        ..DESIGN
    };
    mutant
        .checker()
        .spawn_bfs()
        .join()
        .assert_any_discovery(CUT_LANDS);
    assert_eq!(can_force(mutant), (false, false));
}

#[test]
fn mutant_holds_without_a_limit_leave_the_cut_but_no_message() {
    let mutant = Rules {
        hold_limited: false,
        ..DESIGN
    };
    mutant
        .checker()
        .spawn_bfs()
        .join()
        .assert_any_discovery(MESSAGE_LANDS);
    assert_eq!(can_force(mutant), (true, false));
}
