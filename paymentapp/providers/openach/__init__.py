"""OpenACH and achbanking.com: schedules that a server turns into ACH files every night."""
