//! The rules of assessment, one file each, on worlds that a person can read; and properties over made-up worlds.

#[cfg(test)]
mod attestation_standings;
#[cfg(test)]
mod attestations;
#[cfg(test)]
mod bad_data;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod criteria;
#[cfg(test)]
mod durations;
#[cfg(test)]
mod exception_grants;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod index;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod objectives;
#[cfg(test)]
mod open_findings;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod oracle_exceptions;
#[cfg(test)]
mod own_controls;
#[cfg(test)]
mod postures;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod properties_index;
#[cfg(test)]
mod reassessing;
#[cfg(test)]
mod rule1_accounts;
#[cfg(test)]
mod rule2_failed;
#[cfg(test)]
mod rule3_sources;
#[cfg(test)]
mod rule4_evidence;
#[cfg(test)]
mod rule5_reach;
#[cfg(test)]
mod rule6_exceptions;
#[cfg(test)]
mod rule7_nothing;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod scope;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod signals_properties;
#[cfg(test)]
mod status;
#[cfg(test)]
mod target_selection;
#[cfg(test)]
mod targets_shrunk;
#[cfg(test)]
mod time;
#[cfg(test)]
mod worlds;
#[cfg(test)]
mod written;
