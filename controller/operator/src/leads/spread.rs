//! Spreading organizations over replicas: who leads fewer asks for one, and who leads more gives it.

use std::collections::BTreeMap;

/// Who leads an organization, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Its name.
    pub(super) organization: String,
    /// Identity of the replica that leads.
    pub(super) holder: String,
    /// Identity of one that asks.
    pub(super) wanted_by: Option<String>,
}

/// How many more the one must lead than the other: giving with a difference of one would only turn it round.
const DIFFERENCE: usize = 2;

/// The organization that `me` should ask for, if any: one of whoever leads most, one at a time.
pub(super) fn ask<'a>(shares: &'a [Share], me: &str) -> Option<&'a str> {
    if shares.iter().any(|share| share.wanted_by.as_deref() == Some(me) && share.holder != me) {
        return None;
    }
    // What somebody asks for is as good as given.
    let mut rest: BTreeMap<&str, Vec<&Share>> = BTreeMap::new();
    for share in shares.iter().filter(|share| share.wanted_by.is_none()) {
        rest.entry(&share.holder).or_default().push(share);
    }
    let mine = leads(shares, me);
    let (_, most) = rest.into_iter().filter(|(holder, _)| *holder != me).max_by_key(|(_, shares)| shares.len())?;
    let given = most.last()?;
    (most.len() >= mine + DIFFERENCE).then_some(given.organization.as_str())
}

/// Whether `me` gives an organization to whoever asks for it.
pub(super) fn gives(shares: &[Share], me: &str, organization: &str) -> bool {
    let asked = shares.iter().find(|share| share.organization == organization && share.holder == me);
    let by = asked.and_then(|share| share.wanted_by.as_deref()).filter(|by| *by != me);
    by.is_some_and(|by| leads(shares, me) >= leads(shares, by) + DIFFERENCE)
}

fn leads(shares: &[Share], identity: &str) -> usize {
    shares.iter().filter(|share| share.holder == identity).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a:one a:one>two b:two`, as organization, holder, and who asks.
    fn shares(text: &str) -> Vec<Share> {
        let one = |word: &str| {
            let (organization, holder) = word.split_once(':').unwrap();
            let (holder, by) =
                holder.split_once('>').map_or((holder, None), |(holder, by)| (holder, Some(by.to_owned())));
            Share { organization: organization.to_owned(), holder: holder.to_owned(), wanted_by: by }
        };
        text.split_whitespace().map(one).collect()
    }

    #[test]
    fn one_is_asked_for_where_the_difference_is_two() {
        for (spread, asked) in [
            ("", None),
            ("a:one", None),
            ("a:one b:one", Some("b")),
            ("a:one b:two", None),
            ("a:one b:one c:me", None),
            ("a:one b:one c:one d:me", Some("c")),
            // Of whoever leads most.
            ("a:one b:one c:two d:two e:two", Some("e")),
            // One at a time, and not what another asks for.
            ("a:one b:one>me c:one", None),
            ("a:one b:one>two", None),
            ("a:one b:one>two c:one", Some("c")),
        ] {
            assert_eq!(ask(&shares(spread), "me"), asked, "{spread}");
        }
    }

    #[test]
    fn it_is_given_only_while_the_difference_is_there() {
        for (spread, given) in [
            ("a:me>two", false),
            ("a:me>two b:me", true),
            ("a:me>two b:me c:two", false),
            ("a:me>me b:me", false),
            ("a:me b:me", false),
        ] {
            assert_eq!(gives(&shares(spread), "me", "a"), given, "{spread}");
        }
    }

    /// From any beginning, and whoever moves first, replicas end with at most one organization more than another, and then rest.
    #[test]
    fn every_beginning_ends_even() {
        let identities = ["one", "two", "three"];
        for start in 0..3_usize.pow(6) {
            let holder = |at: u32| identities[start / 3_usize.pow(at) % 3];
            let mut now: Vec<Share> = (0..6)
                .map(|at| Share { organization: at.to_string(), holder: holder(at).to_owned(), wanted_by: None })
                .collect();
            let mut rounds = 0;
            loop {
                let mut moved = false;
                for me in identities {
                    let Some(asked) = ask(&now, me).map(str::to_owned) else { continue };
                    let at = now.iter().position(|share| share.organization == asked).unwrap();
                    now[at].wanted_by = Some(me.to_owned());
                }
                for at in 0..now.len() {
                    let Some(by) = now[at].wanted_by.clone() else { continue };
                    let holder = now[at].holder.clone();
                    if gives(&now, &holder, &now[at].organization) {
                        now[at].holder = by;
                        moved = true;
                    }
                    now[at].wanted_by = None;
                }
                if !moved {
                    break;
                }
                rounds += 1;
                assert!(rounds < 10, "{start} does not come to rest");
            }
            let counts = identities.map(|me| leads(&now, me));
            assert_eq!(counts, [2, 2, 2], "{start}");
        }
    }
}
