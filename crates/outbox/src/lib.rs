//! Durable hand-over between services: a row stored with the effect, shipped until acknowledged.
