"""The rates that theory states for retraining near θ*, as plain arithmetic: numbers, fractions, symbols.

λ is the synthetic weight, α the strong concavity of E_data log p_θ at θ*, L the Lipschitz constant of
x ↦ ∇²_θ log p_θ(x) and ε = W₁(p_θ*, p_data); κ = Lε/α.
"""

from __future__ import annotations


def condition(weight, alpha, lipschitz, epsilon):
    """λ(1 + Lε/α): the paper asks that it be below ½ (Bertrand et al., ICLR 2024, stability)."""
    return weight * (1 + lipschitz * epsilon / alpha)


def paper_rate(weight, alpha, lipschitz, epsilon):
    """ρ = λ(α + εL)/(α − λ(α + εL)) (Bertrand et al., ICLR 2024, stability)."""
    pull = weight * (alpha + epsilon * lipschitz)
    return pull / (alpha - pull)


def kl_rate(weight, alpha, lipschitz, epsilon):
    """ρ = λ(α + εL)/(α + λ(α − εL)), the parameters' rate behind the KL rate ρ² (Ferbach et al., 2024)."""
    return weight * (alpha + epsilon * lipschitz) / (alpha + weight * (alpha - epsilon * lipschitz))


def sharp_rate(weight, alpha, lipschitz, epsilon):
    """λ(1 + κ)/(1 + λ(1 + κ)): bounds the spectral radius at every λ ≥ 0 (derived)."""
    pull = condition(weight, alpha, lipschitz, epsilon)
    return pull / (1 + pull)
