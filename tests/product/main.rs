//! The product seen from outside: the two programs, real files, real processes.
//!
//! Each test has a folder and a port of its own, and ends every process that it started.

mod bad_input;
mod browser;
mod components;
mod crash;
mod editor;
mod environments;
mod example;
mod examples_elsewhere;
mod first_ten_minutes;
mod gates;
mod monitor;
mod projects;
mod readme;
mod reference;
mod report;
mod reports;
mod secrets;
mod support;
mod survival;
mod together;
mod tools;
