//! Names that look like somebody else's, or like an office (Unicode TR 39). What comes of it is a warning in views and
//! never a rule: these tables grow with Unicode, and members with programs of different age must judge a name alike. The
//! machine refuses by a table of its own what hides or turns a name, and names that differ in case alone (`Name`).
//!
//! Two names are alike if they have one skeleton as they are, in small or in capital letters, without accents, spaces,
//! signs and pictures. Names that differ in accents alone are told as alike too.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Name, Person, Standing, State};
use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Words of trust that no charter need have.
const TITLES: &[&str] = &[
    "admin",
    "administrator",
    "caretaker",
    "caucus",
    "chair",
    "facilitator",
    "founder",
    "keyholder",
    "moderator",
    "official",
    "secretary",
    "support",
    "system",
    "treasurer",
];

/// Letters from which a title is found wherever it stands in a name; a shorter one must be a word of its own.
const LONG: usize = 7;

/// How a name looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Look([String; 6]);

impl Look {
    pub(super) fn of(name: &str) -> Self {
        let signs = |c: &char| matches!(c, '\u{2100}'..='\u{214f}') && !c.is_alphanumeric();
        let plain: String = name.chars().filter(|c| !signs(c)).collect();
        // A decomposition may lead away from the letter that it looks like: both ways are looked at.
        let bare: String = plain.nfkd().map(unboxed).collect();
        let three = |text: &str| {
            [
                skeleton_of(text),
                skeleton_of(&text.to_lowercase()),
                skeleton_of(&text.to_uppercase()),
            ]
        };
        let [a, b, c] = three(&bare);
        let [d, e, f] = match plain == bare {
            true => [a.clone(), b.clone(), c.clone()],
            false => three(&plain),
        };
        Self([a, b, c, d, e, f])
    }

    /// Whether people could take one for the other.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.any(|(one, other)| !one.is_empty() && one == other)
    }

    /// Those that are not empty, each with its place: who shares one is alike.
    fn skeletons(&self) -> impl Iterator<Item = (usize, String)> {
        let all = self.0.iter().enumerate();
        all.filter(|(_, skeleton)| !skeleton.is_empty())
            .map(|(place, skeleton)| (place, skeleton.clone()))
    }

    fn holds(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.any(|(one, other)| other.chars().count() >= LONG && one.contains(other.as_str()))
    }
}

/// The letters and digits of a text's skeleton.
fn skeleton_of(text: &str) -> String {
    static ASCII: OnceLock<Vec<String>> = OnceLock::new();
    if !text.is_ascii() {
        return looked_up(text);
    }
    // Each of these characters has its skeleton for itself.
    let ascii = ASCII.get_or_init(|| {
        (0..=0x7f)
            .map(|c: u8| looked_up(&char::from(c).to_string()))
            .collect()
    });
    text.bytes()
        .filter_map(|byte| ascii.get(usize::from(byte)))
        .map(String::as_str)
        .collect()
}

fn looked_up(text: &str) -> String {
    skeleton(text)
        .nfd()
        .filter(|c| c.is_alphanumeric() && !is_accent(*c))
        .collect()
}

/// The letter in a box or a circle, where its decomposition does not say so.
fn unboxed(c: char) -> char {
    let first = match c {
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        '\u{1f1e6}'..='\u{1f1ff}' => 0x1f1e6,
        _ => return c,
    };
    char::from_u32(u32::from('A') + (c as u32 - first)).unwrap_or(c)
}

/// Marks over and under letters. Those of other scripts are vowels and tell names apart.
pub(super) const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

/// Words that a name should not bear, and how they look.
pub(super) struct Titles<'a>(Vec<(&'a str, Look)>);

impl<'a> Titles<'a> {
    pub(super) fn of(words: impl IntoIterator<Item = &'a str>) -> Self {
        let words = words.into_iter().chain(TITLES.iter().copied());
        Self(words.map(|word| (word, Look::of(word))).collect())
    }

    /// The first that a name bears, and what is left of the name without it.
    fn borne_by(&self, name: &str) -> Option<(&'a str, String)> {
        let whole = Look::of(name);
        let words: Vec<(&str, Look)> = name
            .split(|c: char| !c.is_alphanumeric() && !is_accent(c))
            .map(|word| (word, Look::of(word)))
            .collect();
        self.0.iter().find_map(|(title, look)| {
            let rest: Vec<&str> = (words.iter())
                .filter(|(_, word)| !word.is_like(look))
                .map(|(word, _)| *word)
                .collect();
            if rest.len() < words.len() {
                return Some((*title, rest.join(" ")));
            }
            (whole.is_like(look) || whole.holds(look)).then(|| (*title, String::new()))
        })
    }
}

/// What is to be said of a name that somebody chose for themselves, before anybody else's is known.
pub(super) fn title_warning(name: &str) -> Option<String> {
    let (title, _) = Titles::of([]).borne_by(name)?;
    Some(format!(
        "this name says \"{title}\": others are warned that a name gives nobody an office"
    ))
}

/// The names of everybody who is not gone.
pub(super) struct Names<'a> {
    titles: Titles<'a>,
    people: BTreeMap<&'a PersonaId, (&'a Person, Look)>,
    /// Who has which skeleton, by its place in a look.
    alike: HashMap<(usize, String), Vec<&'a Person>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let charter = state.charter();
        let offices = charter.offices().map(|(office, _)| charter.office_word(office));
        let spheres = (charter.spheres.iter()).map(|sphere| charter.sphere_word(*sphere).as_str());
        let mut names = Self {
            titles: Titles::of(offices.chain(spheres)),
            people: BTreeMap::new(),
            alike: HashMap::new(),
        };
        for (persona, person) in state.people.iter().filter(|(_, person)| is_here(person)) {
            let look = Look::of(person.name.as_str());
            for skeleton in look.skeletons() {
                names.alike.entry(skeleton).or_default().push(person);
            }
            names.people.insert(persona, (person, look));
        }
        names
    }

    /// What is to be said of a person's name before one trusts it. Of two that look alike, it is said of who came later.
    pub(super) fn warnings(&self, persona: &PersonaId) -> Vec<String> {
        let Some((person, look)) = self.people.get(persona) else {
            return Vec::new();
        };
        let mut warnings = Vec::new();
        let mut skeletons: Vec<_> = look.skeletons().collect();
        if let Some((title, rest)) = self.titles.borne_by(person.name.as_str()) {
            warnings.push(format!(
                "the name says \"{title}\": offices and stages are what `caucus people` shows, and a name gives none"
            ));
            skeletons.extend(Look::of(&rest).skeletons());
        }
        let others = skeletons
            .iter()
            .filter_map(|skeleton| self.alike.get(skeleton))
            .flatten();
        let before: BTreeMap<u32, &Name> = others
            .filter(|other| other.number < person.number)
            .map(|other| (other.number, &other.name))
            .collect();
        warnings.extend(before.values().map(|other| {
            format!("the name looks like that of {other}, who was here before: compare codes before you take one for the other")
        }));
        warnings
    }
}

const fn is_here(person: &Person) -> bool {
    !matches!(person.standing, Standing::Gone { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HONEST: &[&str] = &[
        "Ana", "Ben", "Cem", "Dora", "Olga", "Paolo", "Bianca", "Thomas", "Monika", "Hasan", "Jakob",
        "Yasemin", "Nikos", "Peter", "Louise", "Edward", "Sophie", "Kemal", "Miriam", "Tomek",
    ];

    /// Letters and others that look like them.
    const TWINS: &[(char, &str)] = &[
        ('a', "аɑα"),
        ('c', "сϲ"),
        ('e', "е"),
        ('h', "һ"),
        ('i', "іⅰ"),
        ('j', "ј"),
        ('k', "ⲕ"),
        ('l', "ӏI1|"),
        ('n', "ո"),
        ('o', "оο0օ"),
        ('p', "рρ"),
        ('s', "ѕ"),
        ('x', "х"),
        ('y', "уγ"),
        ('A', "АΑ"),
        ('B', "ВΒ"),
        ('C', "СϹ"),
        ('D', "Ꭰ"),
        ('E', "ЕΕ"),
        ('H', "НΗ"),
        ('J', "Ј"),
        ('K', "КΚ"),
        ('L', "Ꮮ"),
        ('M', "МΜ"),
        ('N', "Ν"),
        ('O', "ОΟ0"),
        ('P', "РΡ"),
        ('S', "Ѕ"),
        ('T', "ТΤ"),
        ('Y', "ΥҮ"),
    ];

    /// A letter of the Latin alphabet, moved to another block.
    fn moved(name: &str, capital: u32, small: u32) -> String {
        let letter = |c: char| match c {
            'A'..='Z' => char::from_u32(capital + (c as u32 - 'A' as u32)),
            'a'..='z' => char::from_u32(small + (c as u32 - 'a' as u32)),
            _ => Some(c),
        };
        name.chars().filter_map(letter).collect()
    }

    /// Names made to be taken for this one.
    fn imitations(name: &str) -> Vec<String> {
        let mut made = Vec::new();
        for (at, c) in name.char_indices() {
            let (before, after) = (&name[..at], &name[at + c.len_utf8()..]);
            for (_, twins) in TWINS.iter().filter(|(letter, _)| *letter == c) {
                for twin in twins.chars() {
                    made.push(format!("{before}{twin}{after}"));
                    made.push(format!("{before}{twin}{after} ⭐"));
                }
            }
            for hidden in [
                '\u{200b}',
                '\u{200d}',
                '\u{202e}',
                '\u{2066}',
                '\u{feff}',
                '\u{ad}',
                '\u{e0041}',
            ] {
                made.push(format!("{before}{c}{hidden}{after}"));
            }
            for beside in [
                '.', ' ', '\u{a0}', '\u{2003}', '\'', '\u{301}', '\u{323}', '\u{20e3}',
            ] {
                made.push(format!("{before}{c}{beside}{after}"));
            }
        }
        for (capital, small) in [
            (0xff21, 0xff41),
            (0x1d400, 0x1d41a),
            (0x1d5d4, 0x1d5ee),
            (0x1d670, 0x1d68a),
            (0x24b6, 0x24d0),
            (0x1f130, 0x1f130),
            (0x1f150, 0x1f150),
            (0x1f170, 0x1f170),
            (0x1f1e6, 0x1f1e6),
        ] {
            made.push(moved(name, capital, small));
        }
        for pattern in [
            "N ✅",
            "👑N",
            "N!",
            "(N)",
            "N™",
            "N (caretaker)",
            "N - keyholder",
            "Caretaker N",
            "Ncaretaker",
            "N (сaretaker)",
            "N (c.a.r.e.t.a.k.e.r)",
            "N [admin]",
            "SYSTEM: N",
            "N the Ｆounder",
            "Caucus Support",
        ] {
            made.push(pattern.replace('N', name));
        }
        made.extend(name.contains('m').then(|| name.replace('m', "rn")));
        made
    }

    #[test]
    fn the_skeleton_of_a_text_of_ascii_letters_is_made_of_theirs() {
        for first in 0..=0x7f_u8 {
            for second in 0..=0x7f_u8 {
                let text: String = [first, b'm', second].map(char::from).iter().collect();
                assert_eq!(skeleton_of(&text), looked_up(&text), "{text:?}");
            }
        }
    }

    #[test]
    fn of_a_thousand_names_made_to_be_taken_for_others_every_one_is_refused_or_warned_of() {
        let titles = Titles::of([]);
        let (mut refused, mut warned, mut made) = (0, 0, 0);
        for name in HONEST {
            let look = Look::of(name);
            for imitation in imitations(name) {
                made += 1;
                let Ok(new) = Name::new(&imitation) else {
                    refused += 1;
                    continue;
                };
                if new.is_like(name) {
                    refused += 1;
                    continue;
                }
                let titled = titles.borne_by(new.as_str()).is_some();
                assert!(
                    titled || Look::of(new.as_str()).is_like(&look),
                    "{imitation} for {name}"
                );
                warned += 1;
            }
        }
        assert!(
            made > 1_000 && warned > 1_000 && refused > 500,
            "{made} {warned} {refused}"
        );
    }

    #[test]
    fn whoever_bears_a_title_beside_anothers_name_is_told_for_both() {
        for name in ["Ana (caretaker)", "Caretaker Аna", "ana, KEYHOLDER"] {
            let (_, rest) = Titles::of([]).borne_by(name).unwrap();
            assert!(Look::of(&rest).is_like(&Look::of("Ana")), "{name}");
        }
        for name in ["Ana Caretti", "Adminah"] {
            assert_eq!(title_warning(name), None, "{name}");
        }
    }

    /// Real names, among them many that differ in little.
    const CLOSE: &[&str] = &[
        "Ana",
        "Anna",
        "Hana",
        "Hanna",
        "Jana",
        "Ian",
        "Lan",
        "Ivan",
        "Iwan",
        "Juan",
        "Jan",
        "Jon",
        "John",
        "Joan",
        "Maria",
        "Mario",
        "Mara",
        "Mira",
        "Marta",
        "Marco",
        "Mark",
        "Mary",
        "Lia",
        "Lea",
        "Leo",
        "Lee",
        "Li",
        "Lu",
        "Ali",
        "Alia",
        "Al",
        "Ai",
        "Ida",
        "Ilda",
        "Ole",
        "Olle",
        "Nils",
        "Niels",
        "Sara",
        "Zara",
        "Kara",
        "Lara",
        "Tim",
        "Tom",
        "Tam",
        "Kim",
        "Jim",
        "Ines",
        "Inez",
        "Elisa",
        "Eliza",
        "Elsa",
        "Ilse",
        "Else",
        "Emil",
        "Emilia",
        "Ana 2",
        "Ben",
        "Björk",
        "Chloé",
        "Zoë",
        "Łukasz",
        "Ömer",
        "Şeyma",
        "Nguyễn",
        "Thị Lan",
        "Đức",
        "Иван",
        "Иванна",
        "Анна",
        "Ана",
        "Оля",
        "Юля",
        "Ира",
        "Вера",
        "Лев",
        "Сергей",
        "Андрей",
        "Ярослав",
        "Νίκος",
        "Νίκη",
        "Ελένη",
        "Γιώργος",
        "Μαρία",
        "Άννα",
        "محمد",
        "أحمد",
        "فاطمة",
        "مريم",
        "علي",
        "علياء",
        "דוד",
        "שרה",
        "נועה",
        "मीना",
        "मोना",
        "राम",
        "रमा",
        "रीता",
        "সুমন",
        "সুমনা",
        "தமிழ்",
        "மணி",
        "สมชาย",
        "สมหญิง",
        "王伟",
        "王芳",
        "李娜",
        "李明",
        "张伟",
        "陈静",
        "さくら",
        "ゆき",
        "ゆうき",
        "タロウ",
        "花子",
        "김민수",
        "김민지",
        "이서연",
        "박지훈",
        "Աննա",
        "Արամ",
        "ნინო",
        "გიორგი",
        "አበበ",
        "ሰላም",
    ];

    #[test]
    fn of_a_thousand_honest_names_hardly_any_two_are_taken_for_each_other_and_none_for_an_office() {
        let given = [
            "Ana",
            "Ben",
            "Cem",
            "Dora",
            "Olga",
            "Paolo",
            "Bianca",
            "Thomas",
            "Monika",
            "Hasan",
            "Jakob",
            "Yasemin",
            "Nikos",
            "Peter",
            "Louise",
            "Edward",
            "Sophie",
            "Kemal",
            "Miriam",
            "Tomek",
            "Иван",
            "Νίκος",
            "王伟",
            "김민수",
            "محمد",
            "मीना",
            "Łukasz",
            "Björk",
            "Nguyễn",
            "Chloé",
        ];
        let family = [
            "Kowalska", "Kowalski", "Martin", "Martini", "Schmidt", "Schmitt", "Silva", "Selva", "Okafor",
            "Okoro", "Yilmaz", "Yildiz", "Tanaka", "Tanabe", "Novak", "Nowak", "Cooper", "Hooper", "Rossi",
            "Russo", "Petrov", "Petrova", "Nielsen", "Nilsen", "Hansen", "Jansen", "Lind", "Lund", "Berg",
            "Burg", "Weber", "Webber",
        ];
        let whole = given
            .iter()
            .flat_map(|given| family.iter().map(move |family| format!("{given} {family}")));
        let names: Vec<String> = CLOSE.iter().map(|name| (*name).to_owned()).chain(whole).collect();
        assert!(names.len() > 1_000);
        let titles = Titles::of(["member", "volunteer", "cadre"]);
        let mut seen: [BTreeMap<String, &str>; 6] = Default::default();
        let mut alike = Vec::new();
        for name in &names {
            assert!(Name::new(name).is_ok(), "{name}");
            assert_eq!(titles.borne_by(name), None, "{name}");
            let look = Look::of(name);
            for (seen, key) in seen.iter_mut().zip(&look.0) {
                assert!(!key.is_empty(), "{name}");
                if let Some(other) = seen.insert(key.clone(), name) {
                    alike.push((other, name.as_str()));
                }
            }
        }
        alike.sort_unstable();
        alike.dedup();
        // In capitals nobody's eye tells these apart.
        assert_eq!(alike, [("Anna", "Άννα")]);
    }
}
