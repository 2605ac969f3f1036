//! The HTTP side as a client sees it, without sockets: requests go straight into the router.

mod access;
mod auth;
mod document;
mod edge;
mod endpoints;
mod log;
mod routing;
mod support;
mod throttles;
