//! The API from outside, over real HTTP, on both engines.

#![cfg(test)]

mod access;
mod accounts;
mod approvals;
mod articles;
mod bodies;
mod cancel;
mod cancel_race;
mod capture;
mod common;
mod credentials;
mod deletion;
mod events;
mod listing;
mod macros;
mod many_clients;
mod notes;
mod outbox;
mod ownership;
mod persons;
mod prompts;
mod queue;
mod queue_drain;
mod queue_race;
mod replicas;
mod retrieval;
mod routes;
mod sessions;
mod sessions_attacks;
mod setup;
mod smoke;
mod throttles;
mod tickets_actions;
mod tickets_background;
mod tickets_desk;
mod tickets_items;
mod tickets_list;
mod tickets_messages;
mod tickets_parallel;
mod tools;
mod turns;
mod views;
