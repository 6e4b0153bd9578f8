"""The protocol as a plain PyTorch loop, the way the field's toolkits write it: what is measured
against. Reads its feature files, trains one fold after another, prints JSON.

    python benchmarks/torch_loop.py --root=FOLDER --model=attention_release --epochs=100 --threads=1
"""

import argparse
import json
import pathlib
import random
import time

import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

SETS = ("audio", "text", "video")
EMOTIONS = ("neutral", "angry", "happy", "sad", "worried", "surprise")
CORPORA = ("test1_corpus", "test2_corpus", "test3_corpus")


class Clips(Dataset):
    """One corpus in memory, handed out sample by sample."""

    def __init__(self, root: pathlib.Path, corpus: str):
        labels = np.load(root / "label-6way.npz", allow_pickle=True)[corpus].item()
        self.names = list(labels)
        self.features = [
            [np.load(root / "features" / f"{s}-UTT" / f"{name}.npy") for name in self.names]
            for s in SETS
        ]
        self.emotion = [EMOTIONS.index(labels[name]["emo"]) for name in self.names]
        self.valence = [float(labels[name]["val"]) for name in self.names]

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        vectors = [torch.FloatTensor(column[i]) for column in self.features]
        return (*vectors, self.emotion[i], self.valence[i])


def stack(size: int, widths: tuple[int, ...]) -> nn.Sequential:
    """Linear, ReLU, dropout for each width."""
    layers = []
    for width in widths:
        layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(0.3)]
        size = width
    return nn.Sequential(*layers)


class AttentionRelease(nn.Module):
    """The published code's attention: weights from a stack over all hidden vectors."""

    def __init__(self, sizes, widths=(256, 128)):
        super().__init__()
        self.branches = nn.ModuleList([stack(size, widths) for size in sizes])
        self.attention = stack(widths[-1] * len(sizes), widths)
        self.alpha = nn.Linear(widths[-1], len(sizes))
        self.emotion, self.valence = nn.Linear(widths[-1], 6), nn.Linear(widths[-1], 1)

    def forward(self, *vectors):
        """Logits and valences of a batch."""
        hidden = [branch(x) for branch, x in zip(self.branches, vectors, strict=True)]
        alpha = self.alpha(self.attention(torch.cat(hidden, dim=1))).unsqueeze(2)
        fused = torch.matmul(torch.stack(hidden, dim=2), alpha).squeeze(2)
        return self.emotion(fused), self.valence(fused)


class Attention(nn.Module):
    """The paper's attention, Eq. 1 to 5."""

    def __init__(self, sizes, hidden=256):
        super().__init__()
        self.encoders = nn.ModuleList([stack(size, (hidden,)) for size in sizes])
        self.score, self.bias = nn.Linear(hidden, 1, bias=False), nn.Parameter(torch.zeros(3))
        self.emotion, self.valence = nn.Linear(hidden, 6), nn.Linear(hidden, 1)

    def forward(self, *vectors):
        """Logits and valences of a batch."""
        hidden = torch.stack([e(x) for e, x in zip(self.encoders, vectors, strict=True)], dim=1)
        alpha = torch.softmax(self.score(hidden).squeeze(2) + self.bias, dim=1).unsqueeze(2)
        fused = (hidden * alpha).sum(1)
        return self.emotion(fused), self.valence(fused)


def run_epoch(model, loader, optimizer=None):
    """One pass; trains where there is an optimizer. Gives weighted F1 and MSE."""
    model.train(optimizer is not None)
    logits, valences, true_emotion, true_valence = [], [], [], []
    with torch.set_grad_enabled(optimizer is not None):
        for audio, text, video, emotion, valence in loader:
            valence = valence.float()  # noqa: PLW2901
            predicted_emotion, predicted_valence = model(audio, text, video)
            if optimizer is not None:
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(predicted_emotion, emotion)
                loss = loss + nn.functional.mse_loss(predicted_valence.squeeze(1), valence)
                loss.backward()
                optimizer.step()
            logits.append(predicted_emotion.detach().numpy())
            valences.append(predicted_valence.detach().numpy())
            true_emotion.append(emotion.numpy())
            true_valence.append(valence.numpy())
    guess = np.concatenate(logits).argmax(1)
    dis = f1_score(np.concatenate(true_emotion), guess, average="weighted", zero_division=0)
    error = np.concatenate(valences)[:, 0] - np.concatenate(true_valence)
    return dis, float((error**2).mean()), np.concatenate(logits)


def main():
    """Cross-validates and prints {"seconds_per_run_epoch", "run_epochs", "score"}."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--model", choices=("attention", "attention_release"), required=True)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--folds", type=int, default=5, help="how many of the five to train")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    random.seed(0)
    train = Clips(arguments.root, "train_corpus")
    tests = [DataLoader(Clips(arguments.root, c), batch_size=32) for c in CORPORA]
    sizes = [len(column[0]) for column in train.features]
    order = list(range(len(train)))
    random.shuffle(order)
    fold_size = len(order) // 5
    scores, spent, run_epochs = [], 0.0, 0
    for fold in range(arguments.folds):
        stop = (fold + 1) * fold_size if fold < 4 else len(order)
        validating = order[fold * fold_size : stop]
        training = order[: fold * fold_size] + order[stop:]
        loaders = [
            DataLoader(train, batch_size=32, sampler=SubsetRandomSampler(rows))
            for rows in (training, validating)
        ]
        if arguments.model == "attention":
            model = Attention(sizes, arguments.hidden)
        else:
            model = AttentionRelease(sizes)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
        best = -np.inf
        for _ in range(arguments.epochs):
            start = time.perf_counter()
            run_epoch(model, loaders[0], optimizer)
            dis, dim, _ = run_epoch(model, loaders[1])
            kept = [run_epoch(model, loader)[2] for loader in tests]
            best = max(best, dis - 0.25 * dim)
            spent += time.perf_counter() - start
            run_epochs += 1
        del kept
        scores.append(best)
    print(
        json.dumps(
            {
                "seconds_per_run_epoch": spent / run_epochs,
                "run_epochs": run_epochs,
                "score": float(np.mean(scores)),
            }
        )
    )


if __name__ == "__main__":
    main()
