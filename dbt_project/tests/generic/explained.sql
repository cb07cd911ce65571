{# Rows where a column is null without a reason, or has a reason though nothing is null: what is unknown says why. #}
{% test explained(model, columns, reason) %}

    select {{ columns | join(', ') }}, {{ reason }}
    from {{ model }}
    where ({{ columns | join(' is null or ') }} is null) <> ({{ reason }} is not null)

{% endtest %}
