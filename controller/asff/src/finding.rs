//! A finding from its JSON.

use soc2_posture::finding::Finding;

use crate::fault::Fault;
use crate::json::{Scanner, Work, Wrong};

/// What stands for a member that is there but is no text. It is no word of AWS's, so that nothing passes by it.
const NO_TEXT: &str = "(not text)";

type Result<T> = std::result::Result<T, Wrong>;

/// A finding that could not be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its id, if that was read.
    pub id: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

/// Reads findings, one after the other. It keeps memory from one to the next.
#[derive(Debug, Default)]
pub struct Parser {
    work: Work,
    spare: Spare,
}

/// Strings to write into.
#[derive(Debug, Default)]
struct Spare(Vec<String>);

impl Spare {
    fn text(&mut self, said: &str) -> String {
        let mut text = self.0.pop().unwrap_or_default();
        text.clear();
        text.push_str(said);
        text
    }
}

impl Parser {
    /// A parser.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one finding. What AWS writes as text and is something else counts as a word that nobody knows.
    ///
    /// # Errors
    /// When it is not the JSON of one object, or says nothing of its product.
    pub fn parse(&mut self, json: &[u8]) -> std::result::Result<Finding, Broken> {
        let mut finding = Finding::default();
        self.parse_into(json, &mut finding).map(|()| finding)
    }

    /// The same into a finding whose strings are used again.
    pub(crate) fn parse_into(&mut self, json: &[u8], finding: &mut Finding) -> std::result::Result<(), Broken> {
        self.recycle(finding);
        self.fill(json, finding).map_err(|fault| {
            let id = Some(&finding.id).filter(|id| !id.is_empty()).cloned().or_else(|| id_of(json));
            Broken { id, fault }
        })
    }

    /// Takes the strings of a finding, to write others into them.
    fn recycle(&mut self, finding: &mut Finding) {
        let Finding {
            id,
            product_arn,
            account_id,
            region,
            control_id,
            compliance,
            status_reason,
            workflow,
            record_state,
            updated_at,
            resource_type,
            resource_id,
            generator_id,
            product_name,
            types,
            severity,
            first_observed_at,
            created_at,
        } = finding;
        let judged = [control_id, compliance, status_reason, workflow, record_state, updated_at];
        let described =
            [resource_type, resource_id, generator_id, product_name, severity, first_observed_at, created_at];
        let spare = &mut self.spare.0;
        for text in [id, product_arn, account_id, region] {
            spare.push(std::mem::take(text));
        }
        for text in judged.into_iter().chain(described) {
            spare.extend(text.take());
        }
        spare.append(types);
    }

    fn fill(&mut self, json: &[u8], finding: &mut Finding) -> std::result::Result<(), Fault> {
        if json.len() > crate::MAX_FINDING {
            return Err(Fault::TooLarge);
        }
        let is_object = self.read(json, finding).map_err(|wrong| wrong.fault(json))?;
        if !is_object {
            return Err(Fault::NotAnObject);
        }
        if finding.product_arn.is_empty() || finding.product_arn == NO_TEXT {
            return Err(Fault::NoProduct);
        }
        if finding.region.is_empty() {
            let region = finding.product_arn.split(':').nth(3).unwrap_or_default();
            finding.region = self.spare.text(region);
        }
        Ok(())
    }

    /// Reads the members; `false`: it is JSON, but no object.
    fn read(&mut self, json: &[u8], finding: &mut Finding) -> Result<bool> {
        let mut scanner = Scanner::new(json, &mut self.work)?;
        let is_object = scanner.peek() == b'{';
        if is_object {
            let mut members = Members { finding, spare: &mut self.spare };
            scanner.object(|scanner, key| members.top(scanner, key))?;
        } else {
            scanner.skip()?;
        }
        scanner.end()?;
        Ok(is_object)
    }
}

/// Where members of a finding go.
struct Members<'f> {
    finding: &'f mut Finding,
    spare: &'f mut Spare,
}

impl Members<'_> {
    /// A member of the finding itself.
    fn top(&mut self, scanner: &mut Scanner<'_, '_>, key: &str) -> Result<()> {
        let Self { finding, spare } = self;
        match key {
            "Id" => named(scanner, spare, &mut finding.id),
            "ProductArn" => required(scanner, spare, &mut finding.product_arn),
            "AwsAccountId" => required(scanner, spare, &mut finding.account_id),
            "Region" => required(scanner, spare, &mut finding.region),
            "RecordState" => optional(scanner, spare, &mut finding.record_state),
            "UpdatedAt" => optional(scanner, spare, &mut finding.updated_at),
            "CreatedAt" => optional(scanner, spare, &mut finding.created_at),
            "FirstObservedAt" => optional(scanner, spare, &mut finding.first_observed_at),
            "GeneratorId" => optional(scanner, spare, &mut finding.generator_id),
            "ProductName" => optional(scanner, spare, &mut finding.product_name),
            "Types" => self.types(scanner),
            "Severity" => status(scanner, spare, "Label", &mut finding.severity),
            "Compliance" => self.compliance(scanner),
            "Workflow" => status(scanner, spare, "Status", &mut finding.workflow),
            "Resources" => self.resources(scanner),
            _ => scanner.skip(),
        }
    }

    fn compliance(&mut self, scanner: &mut Scanner<'_, '_>) -> Result<()> {
        let Self { finding, spare } = self;
        if scanner.peek() != b'{' {
            // Without a control, nobody can say what it is about.
            return scanner.skip();
        }
        scanner.object(|scanner, key| match key {
            "Status" => optional(scanner, spare, &mut finding.compliance),
            "SecurityControlId" => named_option(scanner, spare, &mut finding.control_id),
            "StatusReasons" => first_object(scanner, |scanner, key| match key {
                "ReasonCode" => optional(scanner, spare, &mut finding.status_reason),
                _ => scanner.skip(),
            }),
            _ => scanner.skip(),
        })
    }

    fn types(&mut self, scanner: &mut Scanner<'_, '_>) -> Result<()> {
        let Self { finding, spare } = self;
        if scanner.peek() != b'[' {
            return scanner.skip();
        }
        scanner.array(|scanner, _| {
            if scanner.peek() == b'"' {
                finding.types.push(spare.text(&scanner.string()?.decode()?));
                return Ok(());
            }
            scanner.skip()
        })
    }

    fn resources(&mut self, scanner: &mut Scanner<'_, '_>) -> Result<()> {
        let Self { finding, spare } = self;
        first_object(scanner, |scanner, key| match key {
            "Type" => named_option(scanner, spare, &mut finding.resource_type),
            "Id" => named_option(scanner, spare, &mut finding.resource_id),
            _ => scanner.skip(),
        })
    }
}

/// The first item of a list of objects; the others are skipped, and so is what is no such list.
fn first_object(
    scanner: &mut Scanner<'_, '_>,
    mut member: impl FnMut(&mut Scanner<'_, '_>, &str) -> Result<()>,
) -> Result<()> {
    if scanner.peek() != b'[' {
        return scanner.skip();
    }
    scanner.array(|scanner, index| match (index, scanner.peek()) {
        (0, b'{') => scanner.object(&mut member),
        _ => scanner.skip(),
    })
}

/// The member `wanted` of the object at the place; where that is no object, it is no text.
fn status(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, wanted: &str, into: &mut Option<String>) -> Result<()> {
    if scanner.peek() != b'{' {
        return optional_no_text(scanner, spare, into);
    }
    scanner.object(|scanner, key| if key == wanted { optional(scanner, spare, into) } else { scanner.skip() })
}

/// A name: what is no text is none.
#[inline]
fn named(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, into: &mut String) -> Result<()> {
    if scanner.peek() != b'"' {
        return scanner.skip();
    }
    *into = spare.text(&scanner.string()?.decode()?);
    Ok(())
}

/// The same for one that may be absent.
#[inline]
fn named_option(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, into: &mut Option<String>) -> Result<()> {
    if scanner.peek() != b'"' {
        return scanner.skip();
    }
    *into = Some(spare.text(&scanner.string()?.decode()?));
    Ok(())
}

/// A text; what is none stands as such.
#[inline]
fn required(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, into: &mut String) -> Result<()> {
    if scanner.peek() == b'"' {
        return named(scanner, spare, into);
    }
    *into = spare.text(NO_TEXT);
    scanner.skip()
}

/// A text that may be absent, or null.
#[inline]
fn optional(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, into: &mut Option<String>) -> Result<()> {
    if scanner.peek() == b'"' {
        return named_option(scanner, spare, into);
    }
    optional_no_text(scanner, spare, into)
}

fn optional_no_text(scanner: &mut Scanner<'_, '_>, spare: &mut Spare, into: &mut Option<String>) -> Result<()> {
    if scanner.peek() != b'n' {
        *into = Some(spare.text(NO_TEXT));
    }
    scanner.skip()
}

/// The id of a finding in a text that cannot be read: what follows an `"Id":` and looks like one.
pub(crate) fn id_of(json: &[u8]) -> Option<String> {
    /// Longest id that Security Hub accepts, in bytes, with room for other characters than ASCII.
    const LONGEST: usize = 2048;
    let mut candidates = memchr::memmem::find_iter(json, br#""Id""#).filter_map(|at| {
        let rest = json.get(at + 4..)?.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
        let length = memchr::memchr2(b'"', b'\\', rest.get(..LONGEST.min(rest.len()))?)?;
        str::from_utf8(rest.get(..length)?).ok()
    });
    candidates.find(|id| id.contains("/finding/")).map(str::to_owned)
}
