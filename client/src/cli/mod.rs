//! The command line, a face over the agent: one verb one file. It holds no rules: it asks, and shows answers.

mod admit;
mod agent;
mod backup;
mod command;
mod completions;
mod console;
mod decline;
mod destroy;
mod doctor;
mod ending;
mod failure;
mod found;
mod init;
mod invite;
mod invites;
mod join;
mod joins;
mod leave;
mod lock;
mod man;
mod overview;
mod passphrase;
mod people;
mod plain;
mod qr;
mod read;
mod relay;
mod remove;
mod renew;
mod requests;
mod restore;
mod retention;
mod revoke;
mod rooms;
mod say;
mod secret;
mod session;
mod status;
mod successor;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod unlock;

mod verify;

pub use command::main;
