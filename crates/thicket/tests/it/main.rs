//! The program as people run it: the real binary, a data directory of its own, and what it prints and answers.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod articles;
#[cfg(test)]
mod attachments;
#[cfg(test)]
mod background;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod crash_tickets;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod replicas;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod server;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod statements;
#[cfg(feature = "otlp")]
#[cfg(test)]
mod traces;
#[cfg(test)]
mod transfer;
