/// The function inside the feed-forward part, or behind a pooler's linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// By the error function.
    Gelu,
    /// GELU's approximation by the hyperbolic tangent.
    GeluTanh,
    /// `max(0, u)`.
    Relu,
    /// The hyperbolic tangent, of poolers.
    Tanh,
}

impl Activation {
    /// Their names in configurations; the last three of GELU's differ by rounding only.
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("gelu", Self::Gelu),
        ("gelu_new", Self::GeluTanh),
        ("gelu_fast", Self::GeluTanh),
        ("gelu_pytorch_tanh", Self::GeluTanh),
        ("relu", Self::Relu),
    ];
}
