//! Nothing secret or personal prints.

use core::fmt::{Debug, Write};

use crate::envelope::{AccessSecret, EnvelopeKey, SealingSeed};
use crate::id::{ChannelId, IntentId, Minutes, PersonaId, Position};
use crate::org::tests::world::{World, application, encoded, intent, persona};
use crate::org::{
    Act, Deed, Effect, Mark, MeetingMoved, MeetingStep, MessageRef, Name, Notice, NoticeKind, Remark,
    ReplyDrop, Signature,
};
use crate::wire::{Pass, Proof};

/// A byte and a word that must not be seen.
const BYTE: u8 = 0xa7;
const WORD: &str = "Xanthippe";

#[test]
fn secrets_texts_and_names_do_not_print() {
    let reply = ReplyDrop {
        channel: ChannelId([1; 32]),
        append: [BYTE; 32],
        sealing: vec![BYTE; 8],
    };
    let renewal = Notice {
        kind: NoticeKind::Renewal {
            read: Position(1),
            counter: crate::id::Counter(2),
            key_package: vec![1],
            reply: reply.clone(),
        },
        nonce: crate::id::Nonce([2; 16]),
    };
    let say = Deed::Say {
        text: WORD.to_owned(),
    };
    let mut apply = application(1, WORD, intent(1));
    apply.word = WORD.to_owned();
    apply.reply = reply.clone();
    let id = IntentId([3; 16]);
    let persona_id = PersonaId([4; 32]);
    let invite = Deed::Invite {
        uses: 1,
        expires: Minutes(2),
        drop: ChannelId([BYTE; 32]),
    };
    let remove = Deed::Remove {
        persona: persona_id,
        reason: WORD.to_owned(),
    };
    let things: Vec<Box<dyn Debug>> = vec![
        Box::new(AccessSecret::from_bytes([BYTE; 32])),
        Box::new(EnvelopeKey::from_bytes([BYTE; 32])),
        Box::new(SealingSeed::from_bytes([BYTE; 32])),
        Box::new(Proof([BYTE; 32])),
        Box::new(Pass {
            day: 20_000,
            nonce: [BYTE; 16],
            mac: [BYTE; 16],
        }),
        Box::new(Signature::from([BYTE; 64])),
        Box::new(Name::new(WORD).unwrap()),
        Box::new(reply),
        Box::new(renewal),
        Box::new(Act::new(id, Position(5), &say).unwrap()),
        Box::new(say),
        Box::new(invite),
        Box::new(remove),
        Box::new(Deed::Apply {
            application: encoded(&apply),
        }),
        Box::new(apply),
        Box::new(Effect::Said {
            text: WORD.to_owned(),
        }),
        Box::new(Effect::Removed {
            persona: persona_id,
            reason: WORD.to_owned(),
        }),
        Box::new(Deed::CallMeeting {
            title: WORD.to_owned(),
            at: Minutes(2),
            agenda: vec![WORD.to_owned()],
        }),
        Box::new(MeetingStep::Minutes {
            text: WORD.to_owned(),
        }),
        Box::new(MeetingMoved::Contested {
            reason: WORD.to_owned(),
        }),
        Box::new(Mark::new(WORD).unwrap()),
        Box::new(Remark::Edit {
            of: MessageRef {
                position: Position(5),
                id,
            },
            text: WORD.to_owned(),
        }),
    ];
    let mut text = String::new();
    for thing in things {
        writeln!(text, "{thing:?}").unwrap();
    }
    for seen in ["167", "a7", "A7", WORD] {
        assert!(!text.contains(seen), "{seen} in {text}");
    }
    insta::assert_snapshot!("silence", text);
}

#[test]
fn a_state_prints_without_names() {
    let mut world = World::new();
    let invite = world.invites(0, 1);
    world.applies(0, 1, WORD, invite);
    let call = Deed::CallMeeting {
        title: WORD.to_owned(),
        at: world.state.now(),
        agenda: vec![WORD.to_owned()],
    };
    world.does(0, &call);
    assert_eq!(world.state.meetings.len(), 1);
    let text = format!("{:?}", world.state);
    assert!(text.contains(&format!("{:?}", persona(1))));
    assert!(!text.contains(WORD) && !text.contains("Ana") && !text.contains("North"));
}
