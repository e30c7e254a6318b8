"""The retraining map p_{t+1} = G(p_t) near p_data (Bertrand et al., ICLR 2024)."""
