-- How much AI-written code survives 30/90 days against human-written, by model and repository?
-- Kaplan-Meier, right-censored; null where nobody was seen that long, and how many were stands beside it.
select
    unit,
    origin,
    coalesce(model, case when is_all_models then 'all' end) as model,
    coalesce(repository, 'all') as repository,
    n_units,
    round(survival_30, 3) as survival_30_days,
    n_at_risk_30,
    round(survival_90, 3) as survival_90_days,
    n_at_risk_90
from survival
order by unit, is_all_repositories desc, repository, origin, is_all_models desc, model
