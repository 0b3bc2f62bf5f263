//! Why a reconcile could not be finished. What is wrong with AWS or a spec is a condition, not an error.

/// A reconcile that has to be tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("the Kubernetes API: {0}")]
    Kubernetes(#[source] Box<kube::Error>),
    /// It took too long.
    #[error("not finished within {0} s")]
    Timeout(u64),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kubernetes(Box::new(error))
    }
}

impl Error {
    /// Label of `reconcile_total`.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "kubernetes_error",
            Self::Timeout(_) => "timeout",
        }
    }
}
