"""nearfield inside scikit-learn: a neighbour graph once, for whatever takes it next."""

from __future__ import annotations

from nearfield.sklearn import NearfieldTransformer, precomputed_knn
from sklearn.datasets import load_digits
from sklearn.manifold import Isomap
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline


def main() -> None:
    digits = load_digits()
    train, test, train_labels, test_labels = train_test_split(
        digits.data, digits.target, random_state=0
    )

    # Where KNeighborsTransformer stands in a pipeline, NearfieldTransformer can stand.
    classifier = make_pipeline(
        NearfieldTransformer(n_neighbors=5), KNeighborsClassifier(metric="precomputed")
    )
    classifier.fit(train, train_labels)
    print(f"accuracy on unseen digits: {classifier.score(test, test_labels):.3f}")

    picture = make_pipeline(
        NearfieldTransformer(n_neighbors=12), Isomap(n_neighbors=12, metric="precomputed")
    )
    print(f"drawn in two dimensions: {picture.fit_transform(train[:400]).shape}")

    # UMAP, HDBSCAN and openTSNE take neighbours as two arrays, each row before its neighbours:
    #   umap.UMAP(precomputed_knn=precomputed_knn(digits.data, 15))
    indices, distances = precomputed_knn(digits.data, 15, metric="cosine")
    print(f"neighbours {indices.shape} {indices.dtype}, {distances.dtype}: {indices[0, :4]} ...")


if __name__ == "__main__":
    main()
