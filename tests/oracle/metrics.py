"""Ask real MXNet's metrics, each on each pair of labels and predictions; the answers are tests/data/metrics.json.

python tests/oracle/metrics.py MX191/bin/python MX20/bin/python

1.9.1 answers for `mx.metric`, 2.0.0b1 for `mx.gluon.metric`. The pairs and the metrics are the tables below; cases of
other kinds (`create`, composites, pickling, errors of arguments) are in tests/data/metric_cases.txt, in the form that
semantics_cases.py describes; there a group's name tells which version is asked. tests/tracer/metric/test_answers.py
runs tracer through them.
"""
from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).parent))

from semantics import evaluate
from semantics_cases import DATA, Case, read

VERSIONS = ("1.9.1", "2.0.0b1")

#: Metrics of both versions, then those or those arguments that only one of them has.
METRICS = {
    "both": ("Accuracy()", "Accuracy(axis=-1)", "Accuracy(axis=0)", "TopKAccuracy(top_k=2)", "TopKAccuracy(top_k=3)",
             "F1()", "F1(average='macro')", "F1(average='micro')", "MCC()", "PCC()", "MAE()", "MSE()", "RMSE()",
             "CrossEntropy()", "Perplexity(ignore_label=None)", "Perplexity(ignore_label=1)", "PearsonCorrelation()",
             "Loss()", "Torch()", "CustomMetric(lambda label, pred: (label.sum() - pred.sum()) * 0.5)",
             "np(lambda label, pred: (float(pred.sum()), label.size))"),
    "1.9.1": ("MCC(average='micro')", "NegativeLogLikelihood()", "PearsonCorrelation(average='micro')", "Caffe()"),
    "2.0.0b1": ("F1(class_type='multiclass', average='macro')", "F1(class_type='multiclass', average=None)",
                "F1(class_type='multiclass')", "F1(class_type='multilabel', threshold=0.4)",
                "Fbeta(beta=2, class_type='multiclass', average='macro')", "Fbeta(beta=0.5)", "BinaryAccuracy()",
                "BinaryAccuracy(threshold=0.25)", "MeanPairwiseDistance()", "MeanPairwiseDistance(p=1)",
                "MeanCosineSimilarity()", "CrossEntropy(from_logits=True)", "CrossEntropy(ignore_label=0)",
                "CrossEntropy(axis=1)"),
}

TWO = "[[.3, .7], [.1, .9], [.6, .4]]"
FOUR = "[[.1, .2, .3, .4], [.5, .25, .125, .125], [.2, .6, .1, .1]]"
CUBE = "[[[.1, .7, .2], [.5, .2, .3]], [[.3, .3, .4], [.9, .05, .05]]]"

#: Labels and predictions, as text in which `a` makes an array, and d its dtype.
PAIRS = (
    ("[a([0, 1, 1])]", f"[a({TWO})]"),
    ("[a([1, 1, 0])]", f"[a({TWO})]"),
    ("[a([[0], [1], [1]])]", f"[a({TWO})]"),
    ("[a([[0, 1, 1]])]", f"[a({TWO})]"),
    ("a([0, 1, 1])", f"a({TWO})"),
    ("[a([0, 1, 1], dtype='int32')]", f"[a({TWO})]"),
    ("[a([0, 1, 1], dtype='int64')]", f"[a({TWO}, dtype='float64')]"),
    ("[a([0, 1, 1], dtype='uint8')]", f"[a({TWO}, dtype='float16')]"),
    ("[a([0, 1, 1], dtype='float64')]", f"[a({TWO}, dtype='float64')]"),
    ("[a([0, 1, 1], dtype='float16')]", f"[a({TWO}, dtype='float16')]"),
    ("[a([0.9, 1.2, 1.7])]", f"[a({TWO})]"),
    ("[a([0, 1, 3])]", f"[a({FOUR})]"),
    ("[a([0, 1, 3], dtype='int32')]", f"[a({FOUR})]"),
    ("[a([0, 1, 4])]", f"[a({FOUR})]"),
    ("[a([0, 1, -1])]", f"[a({FOUR})]"),
    ("[a([0, 1, -5])]", f"[a({FOUR})]"),
    ("[a([0, float('nan'), 1])]", f"[a({TWO})]"),
    ("[a([0, 1, 1])]", "[a([[.3, float('nan')], [float('nan'), float('nan')], [.5, .5]])]"),
    ("[a([0, 1, 1])]", "[a([[float('inf'), 1], [0, 0], [0, -float('inf')]])]"),
    ("[a([0, 1, 1])]", "[a([.2, .8, .4])]"),
    ("[a([1, 1, 1])]", "[a([1, 1, 1])]"),
    ("[a([0, 0, 0])]", "[a([[1, 0], [1, 0], [1, 0]])]"),
    ("[a([3., -0.5, 2])]", "[a([[2.5], [0], [2]])]"),
    ("[a([[3.], [-0.5], [2]])]", "[a([2.5, 0, 2])]"),
    ("[a([[3., -0.5, 2], [7, 1, 0]])]", "[a([[2.5, 0, 2], [8, 1, 0]])]"),
    ("[a([[0, 1, 0], [1, 1, 0]])]", "[a([[.2, .9, .5], [.3, .8, .1]])]"),
    ("[a([[1, 0, 1], [0, 1, 1]])]", f"[a({CUBE})]"),
    ("[a([[1, 0], [2, 1]])]", f"[a({CUBE})]"),
    ("[a([3, 5, 2], dtype='int32')]", "[a([2, 7, 2], dtype='int32')]"),
    ("[a([3, 5, 2], dtype='int32')]", "[a([2, 7, 2], dtype='int64')]"),
    ("[a([3, 5, 2], dtype='uint8')]", "[a([5, 7, 2], dtype='uint8')]"),
    ("[a([0, 1])]", f"[a({TWO})]"),
    ("[a([0, 1, 1, 0])]", f"[a({TWO})]"),
    ("[a([[0, 1], [1, 0]])]", f"[a({TWO})]"),
    ("[a([2.])]", "[a([3.])]"),
    ("[a([1])]", "[a([[.5, .5]])]"),
    ("[a([])]", "[a([])]"),
    ("[a(onp.zeros(0))]", "[a(onp.zeros((0, 2)))]"),
    ("[a(onp.zeros((0, 3)))]", "[a(onp.zeros((0, 3)))]"),
    ("[]", "[]"),
    ("[a([0, 1, 1]), a([1, 1, 0])]", f"[a({TWO}), a({TWO})]"),
    ("[a([0, 1, 1]), a([1, 1, 0, 2])]", f"[a({TWO}), a({FOUR})]"),
    ("(a([0, 1, 1]),)", f"(a({TWO}),)"),
    ("[a([0, 1, 1])]", f"[a({TWO}), a({TWO})]"),
    ("[a([0, 1, 1]), a([0, 1, 1])]", f"[a({TWO})]"),
    ("a([0, 1, 1])", f"[a({TWO})]"),
    ("None", f"[a({TWO})]"),
    ("[None]", f"[a({TWO})]"),
    ("[a([0, 1, 1])]", "[None]"),
)


def namespace(mx, version: str) -> dict:
    """The names of a case: `metric` is the version's module, `xp` its arrays, `a` its function that makes one."""
    modern = version != "1.9.1"
    mx.npx.set_np() if modern else mx.npx.reset_np()
    xp = mx.np if modern else mx.nd
    metric = mx.gluon.metric if modern else mx.metric
    return {"mx": mx, "xp": xp, "a": xp.array, "metric": metric, "onp": numpy}


def cases_of(version: str) -> list[Case]:
    """All cases of one version, in a fixed order: each metric on each pair, then those of the table.

    TopKAccuracy of predictions of one axis is left out: it depends on the order in which NumPy partitions them.
    """
    more = ", m.get_global()" if version == "1.9.1" else ""
    cases = [Case(metric, f"m = metric.{metric}; m.update({labels}, {preds})\n"
                          f"[m.get(){more}, m.num_inst, m.sum_metric]")
             for metric in METRICS["both"] + METRICS[version] for labels, preds in PAIRS
             if not (metric.startswith("TopK") and "a([" in preds and "[[" not in preds)]
    table = read(DATA / "metric_cases.txt")
    return cases + [case for case in table if case.group.split()[0] in ("both", version)]


def ask(version: str, first: int) -> None:
    """Print the answers from case `first` on, one line of JSON each."""
    import mxnet as mx

    warnings.simplefilter("ignore")
    for case in cases_of(version)[first:]:
        print(json.dumps(brief(evaluate(case.source, namespace(mx, version)))), flush=True)
        with contextlib.suppress(Exception):
            mx.nd.waitall()  # raises errors of unread values here, not in a later case


def brief(answer: dict):
    """An answer of `evaluate` in short: [class, items], "class text", or the keys that tell an error or an array."""
    if "items" in answer:
        return [answer["class"], *map(brief, answer["items"])]
    keys = ("error", "message") if "error" in answer else ("dtype", "shape", "values") if "values" in answer else ()
    return {key: answer[key] for key in keys} if keys else f"{answer['class']} {answer['repr']}"


def asked(cases: list[Case]) -> str:
    """A digest of the cases, by which a change of the tables after the answers is found."""
    return hashlib.sha256("\n\n".join(case.source for case in cases).encode()).hexdigest()


def answers(interpreter: str, version: str) -> list:
    """The version's answers; if its process dies the answer is {"crash": status} and a new process continues."""
    cases, found = cases_of(version), []
    while len(found) < len(cases):
        done = subprocess.run([interpreter, __file__, "--ask", version, str(len(found))], check=False,
                              capture_output=True, text=True, timeout=600)
        found += [json.loads(line) for line in done.stdout.splitlines() if line[:1] in '[{"']
        if len(found) < len(cases):
            print(f"{version}: crash ({done.returncode}) in {cases[len(found)].source!r}", done.stderr[-300:])
            found.append({"crash": done.returncode})
    return found


def main(*interpreters: str) -> None:
    """Write the file: for each version the digest of its cases, and their answers by group, in the tables' order."""
    text = []
    for version, interpreter in zip(VERSIONS, interpreters):
        cases, groups = cases_of(version), {}
        for case, answer in zip(cases, answers(interpreter, version)):
            groups.setdefault(case.group, []).append(answer)
        lines = [f'"asked": "{asked(cases)}"']
        lines += [f"{json.dumps(group)}: {json.dumps(found, separators=(',', ':'))}" for group, found in groups.items()]
        text.append(f'"{version}": {{\n' + ",\n".join(lines) + "\n}")
    (DATA / "metrics.json").write_text("{" + ",\n".join(text) + "}\n")


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
