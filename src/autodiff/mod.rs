//! Floor 4: the tape and its gradients.
