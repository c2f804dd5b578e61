//! The command line, a face over the agent.
