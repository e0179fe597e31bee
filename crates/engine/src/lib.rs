//! Outdial's verbs, the task that owns a live call, the scheduler and routing, and the ports they need from the world.
