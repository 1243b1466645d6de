//! A simulated trading platform: it does to crm-bridge what real ones do, and knows no more of it than they can.
