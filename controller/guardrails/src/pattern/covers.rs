//! Whether one pattern matches all that another one does.

use super::ARN_PARTS as PARTS;

/// Whether everything that `narrow` matches is matched by `wide` too. May say no where it is so, never yes where it is not.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    // `narrow` is read as a text in which only a star takes a star: going back to the last star is enough, as in matching.
    let (mut wide, mut narrow) = (wide.chars(), narrow.chars());
    let mut retry = None;
    loop {
        let (mut wide_next, mut narrow_next) = (wide.clone(), narrow.clone());
        match (wide_next.next(), narrow_next.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((wide_next.clone(), narrow.clone()));
                wide = wide_next;
                continue;
            }
            (Some('?'), Some(found)) if found != '*' => {
                (wide, narrow) = (wide_next, narrow_next);
                continue;
            }
            (Some(wanted), Some(found)) if wanted != '?' && wanted == found => {
                (wide, narrow) = (wide_next, narrow_next);
                continue;
            }
            _ => {}
        }
        let Some((after_star, mut rest)) = retry.take() else { return false };
        if rest.next().is_none() {
            return false;
        }
        (wide, narrow) = (after_star.clone(), rest.clone());
        retry = Some((after_star, rest));
    }
}

/// The same for ARNs, part by part, as `ArnLike` compares them.
pub(crate) fn covers_arn(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<&str>, Vec<&str>) =
        (wide.splitn(PARTS, ':').collect(), narrow.splitn(PARTS, ':').collect());
    wide.len() == PARTS && narrow.len() == PARTS && wide.iter().zip(&narrow).all(|(wide, narrow)| covers(wide, narrow))
}
