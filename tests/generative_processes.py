"""What each process of a tiny run does, for `accelerate launch`: its batches, its writes, its weights."""

import hashlib
import json
import sys
from pathlib import Path

import torch
from test_generative_loop import PLANE

from theorycheck.generative import checkpoints, loop, runs, training

seen = {"batches": [], "writes": 0, "kept": ""}
names = []
share_of, train, save = training.share_of, training.Trainer.train, checkpoints.save


def shared(order, step, batch, accelerator):
    found = share_of(order, step, batch, accelerator)
    seen["batches"].append(("/".join(map(str, names[-1])), step, found.tolist()))
    seen["processes"] = accelerator.num_processes
    return found


def trained(self, state, data, steps, of, *rest):
    names.append(of)
    seen["kept"] += hashlib.sha256(data.numpy().tobytes()).hexdigest()
    result = train(self, state, data, steps, of, *rest)
    flat = torch.cat([tensor.flatten() for tensor in state.network.values()])
    seen["weights"] = hashlib.sha256(flat.numpy().tobytes()).hexdigest()
    return result


def saved(*arguments):
    seen["writes"] += 1
    return save(*arguments)


def main(folder):
    training.share_of, training.Trainer.train, checkpoints.save = shared, trained, saved
    runs.run(PLANE, folder / "run", (0,))
    rank = loop.accelerator_for(PLANE).process_index
    (folder / f"rank-{rank}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
