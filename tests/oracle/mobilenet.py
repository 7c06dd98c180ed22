"""Let real MXNet 1.9.1 save the features of a MobileNet 0.25, in float16, in tests/data/mobilenet0_25_features.params.

MX191/bin/python tests/oracle/mobilenet.py

The weights are random, the running means those of random pictures: examples/imagefolder_finetune.py starts there.
"""
from pathlib import Path

import mxnet as mx

if __name__ == "__main__":
    mx.random.seed(7)
    net = mx.gluon.model_zoo.vision.mobilenet0_25(classes=3)
    net.initialize(mx.init.Xavier(magnitude=2))
    for _ in range(12):
        with mx.autograd.record():
            net(mx.nd.random.normal(0, 1, (16, 3, 64, 64)))
    net.cast("float16")
    net.features.save_parameters(str(Path(__file__).resolve().parents[1] / "data" / "mobilenet0_25_features.params"))
