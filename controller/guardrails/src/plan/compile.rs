//! From a guardrail of the library to the document that is written, checked before anything else looks at it.

use soc2_catalog::Guardrail;

use super::input::{PlanInput, SetInput};
use super::refusal::{Refusal, reason};
use crate::document::Document;
use crate::library::{self, CompileError, Exemptions, Parameters, wrong_example};
use crate::pack::{Minified, Sids, characters, minify};

/// A guardrail, ready to be written.
pub(super) struct Compiled<'a> {
    /// The entry of the library.
    pub(super) guardrail: &'a Guardrail,
    /// Its document, to compare with.
    pub(super) document: Document,
    /// What the document means: the same for the same.
    pub(super) says: String,
    /// What AWS gets, and counts: the same in the fewest characters.
    pub(super) content: String,
    /// That, read.
    pub(super) written: Document,
    /// Who is exempt from it.
    pub(super) exempt: Exemptions,
}

impl Compiled<'_> {
    /// Whether a document is this, in the fewest characters or not: one that is there is not written again only to be shorter.
    pub(super) fn is(&self, found: &Document) -> bool {
        *found == self.written || *found == self.document
    }

    /// Whether a content is this; `None` for one that cannot be read.
    pub(super) fn is_content(&self, content: &str) -> Option<bool> {
        Document::parse(content).ok().map(|found| self.is(&found))
    }
}

/// Whom no guardrail of a set restricts: whom the organization exempts, the landing zone that is seen, and whom the set exempts.
pub(super) fn exempt(set: &SetInput, input: &PlanInput<'_>) -> Result<Exemptions, Refusal> {
    let of_set = Exemptions::written("spec.exemptPrincipals", &set.exempt_principals)
        .map_err(|message| Refusal::new(reason::BAD_EXEMPTION, message))?;
    Ok(input.exempt.and(&library::landing_zone(input.inventory)).and(&of_set))
}

/// Compiles and checks a baseline of the library. `protected` is who is exempt from anything in the plan.
pub(super) fn compile<'a>(
    name: &str,
    parameters: &Parameters,
    (exempt, protected): (&Exemptions, &Exemptions),
    input: &PlanInput<'a>,
) -> Result<Compiled<'a>, Refusal> {
    let Some(guardrail) = input.library.iter().find(|guardrail| guardrail.name == name) else {
        return Err(Refusal::new(reason::UNKNOWN_BASELINE, unknown(name, input.library)));
    };
    let compiled = library::compile(guardrail, parameters, exempt, protected).map_err(|error| match error {
        CompileError::NoPolicy { .. } => Refusal::new(reason::LOCK_OUT, error.to_string()),
        _ => Refusal::new(reason::BAD_PARAMETER, error.to_string()),
    })?;
    if let Some(problem) = wrong_example(guardrail) {
        return Err(Refusal::new(reason::LOCK_OUT, format!("baseline {name}: {problem}")));
    }
    let Minified { content, .. } = minify(&compiled.document, Sids::Keep);
    let (length, limit) = (characters(&content), input.limits.max_characters);
    if length > limit as usize {
        let message = format!("baseline {name} has {length} characters, and a policy may have {limit}");
        return Err(Refusal::new(reason::TOO_LARGE, message));
    }
    // Once for each document, whatever it is attached to. How long it is was looked at already, as it is written.
    if let Some(errors) = library::lint_errors(&compiled, usize::MAX) {
        return Err(Refusal::new(reason::INVALID_BASELINE, format!("baseline {name}: {errors}")));
    }
    let library::CompiledBaseline { document, exempt, .. } = compiled;
    let says = document.canonical();
    let written = Document::parse(&content).unwrap_or_else(|_| document.clone());
    Ok(Compiled { guardrail, document, says, content, written, exempt })
}

/// That there is no such baseline, with the one that is meant, or all that there are.
fn unknown(name: &str, library: &[Guardrail]) -> String {
    let names = library.iter().map(|guardrail| guardrail.name.as_str());
    match library::meant(name, names.clone()) {
        Some(meant) => format!("there is no baseline {name:?}; did you mean {meant}?"),
        None => format!("there is no baseline {name:?}; there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}
