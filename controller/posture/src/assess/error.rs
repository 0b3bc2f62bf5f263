//! Why a profile cannot be assessed.

/// Why a profile cannot be assessed: somebody has to change its spec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No control of the catalogue has this id.
    #[error("{field}: the catalogue knows no control {id:?}; see `soc2ctl catalog list`")]
    UnknownControl {
        /// Path of the field.
        field: String,
        /// The id or glob.
        id: String,
    },
    /// The catalogue maps the control to no criterion of the profile.
    #[error("{field}: no criterion of the profile's categories is mapped to {id:?}; name its criteria in `criteria`")]
    ControlWithoutCriterion {
        /// Path of the field.
        field: String,
        /// The id or glob.
        id: String,
    },
    /// Security Hub has no such standard.
    #[error("{field}: {name:?} is no Security Hub standard; write it as in pci-dss/v/4.0.1")]
    UnknownStandard {
        /// Path of the field.
        field: String,
        /// The name.
        name: String,
    },
    /// There is no such criterion.
    #[error("{field}: {id:?} is no Trust Services criterion; write it as in CC6.1")]
    UnknownCriterion {
        /// Path of the field.
        field: String,
        /// The id.
        id: String,
    },
    /// The criterion belongs to a category that the profile does not have.
    #[error("{field}: {id} belongs to {category}, which is not in spec.categories")]
    CriterionNotInCategories {
        /// Path of the field.
        field: String,
        /// The criterion.
        id: String,
        /// Its category.
        category: &'static str,
    },
    /// The library has no such guardrail.
    #[error("{field}: there is no guardrail {name:?} in the library, and no valid ScpBaseline of this name")]
    UnknownGuardrail {
        /// Path of the field.
        field: String,
        /// The name.
        name: String,
    },
    /// Not a duration.
    #[error("{field}: {value:?} is not a duration; write it as in 36h or 1h30m")]
    BadDuration {
        /// Path of the field.
        field: String,
        /// The value.
        value: String,
    },
    /// Not a day.
    #[error("{field}: {value:?} is not a day; write it as in 2027-01-31")]
    BadDate {
        /// Path of the field.
        field: String,
        /// The value.
        value: String,
    },
    /// Not a number, percentage or duration.
    #[error("{field}: {value:?} is no measure; write it as in 12, 98.5% or 3h30m")]
    BadMeasure {
        /// Path of the field.
        field: String,
        /// The value.
        value: String,
    },
    /// More Regions than AWS has.
    #[error("{field}: {count} Regions are more than the {most} that can be required")]
    TooManyRegions {
        /// Path of the field.
        field: String,
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
}

impl SpecError {
    /// Reason of the condition, such as `UnknownControl`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownControl { .. } => "UnknownControl",
            Self::ControlWithoutCriterion { .. } => "ControlWithoutCriterion",
            Self::UnknownStandard { .. } => "UnknownStandard",
            Self::UnknownCriterion { .. } => "UnknownCriterion",
            Self::CriterionNotInCategories { .. } => "CriterionNotInCategories",
            Self::UnknownGuardrail { .. } => "UnknownGuardrail",
            Self::BadDuration { .. } => "BadDuration",
            Self::BadDate { .. } => "BadDate",
            Self::BadMeasure { .. } => "BadMeasure",
            Self::TooManyRegions { .. } => "TooManyRegions",
        }
    }
}
