//! The clients against a server that behaves in every way servers do, on both wires.

#[cfg(test)]
mod failures;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tools;
